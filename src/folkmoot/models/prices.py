"""What a model costs, from one local table (prices.toml) or from the agent file.

`model.price` in the agent file always wins. The table knows providers by their own address; a
service at another base_url has its own prices, which nobody here knows. A model that is not in the
table has no price (None), never a guess: its spend is counted in tokens only, and a limit in
dollars cannot be kept for it, so that the budget policy must refuse such an agent.

Prices are whole nano-dollars a token. What the table gives in more digits is rounded up: a budget
is rather spent too early than passed.
"""

import re
import tomllib
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from folkmoot.core.agent import ModelChoice
from folkmoot.core.spend import Price

FREE = Price()

_TABLES = {
    "openai": ("openai", "api.openai.com"),
    "openai-responses": ("openai", "api.openai.com"),
    "anthropic": ("anthropic", "api.anthropic.com"),
    "openrouter": ("openrouter", "openrouter.ai"),
    "bedrock": ("bedrock", ".amazonaws.com"),
}
_VERSION = re.compile(r"(-v\d+)?(:\d+)?$")
_DATE = re.compile(r"(-latest|[-@](\d{8}|\d{4}-\d{2}-\d{2}))$")
# Bedrock's inference profiles of one part of the world; `global.` has prices of its own.
_GEO = re.compile(r"^(us|eu|apac|jp|au|ca|in)\.")


def price_of(choice: ModelChoice, model: str = "", prompt: int = 0) -> Price | None:
    """Return the price of one call, or None when nobody has told it.

    `model` is the name that answered, when it is known: it counts if the table has it, else the name
    that was asked for. `prompt` is the size of the prompt in tokens, where long ones cost more.
    """
    if choice.price is not None:
        return choice.price
    if choice.provider in {"scripted", "keywords"}:
        return FREE
    if choice.provider == "ollama":
        return None if _cloud(choice) else FREE
    table, host = _TABLES.get(choice.provider, ("", ""))
    if not table or not (_at_home(choice.base_url, host) or choice.options.get("transparent")):
        return None
    row = _row(table, model) or _row(table, choice.name)
    return None if row is None else _price(row, prompt)


def as_of() -> str:
    """Return the day of the table, as YYYY-MM-DD."""
    return str(_table()["as_of"])


def _at_home(base_url: str, host: str) -> bool:
    """Whether the agent's base_url is the provider's own (a leading dot stands for a domain)."""
    if not base_url:
        return True
    given = urlsplit(base_url).hostname or ""
    return given.endswith(host) if host.startswith(".") else given == host


def _row(table: str, name: str) -> dict[str, Any] | None:
    rows: dict[str, dict[str, Any]] = _table()[table]
    if table == "bedrock":
        name = _GEO.sub("", name.rpartition("/")[2])
    return next((rows[key] for key in _spellings(name) if key in rows), None)


def _spellings(name: str) -> list[str]:
    """Return a name as it is, without its version, and without version and date."""
    plain = _VERSION.sub("", name)
    return [name, plain, _DATE.sub("", plain)]


def _price(row: dict[str, Any], prompt: int) -> Price:
    long = row.get("long")
    if long is not None and prompt > long["above"]:
        row = long
    return Price(
        _nanos(row["input"]),
        _nanos(row["output"]),
        _nanos(row["cache_read"]) if "cache_read" in row else None,
        _nanos(row["cache_write"]) if "cache_write" in row else None,
    )


def _nanos(usd_per_million: Decimal | int) -> int:
    return int((Decimal(usd_per_million) * 1000).to_integral_value(ROUND_CEILING))


def _cloud(choice: ModelChoice) -> bool:
    """Whether Ollama passes this model on to its paid service."""
    host = urlsplit(choice.base_url).hostname or ""
    paid = host == "ollama.com" or host.endswith(".ollama.com")
    return paid or choice.name.endswith(("-cloud", ":cloud"))


@cache
def _table() -> dict[str, Any]:
    text = files("folkmoot.models").joinpath("prices.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)
