"""Masks: secrets do not reach a log line.

Two rules. A value whose name says that it is a secret is replaced whole; a text that holds something
shaped like a known token loses that token. The rules are compiled once. Names are compared by their
words (`api_key`, `apiKey`, `API-KEY`), never by substring: `tokens` and `max_tokens` are counts.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

MASK = "[masked]"
_DEEPEST = 8

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = frozenset(
    {
        "apikey", "authorization", "bearer", "cookie", "credential", "credentials", "passphrase",
        "passwd", "password", "pwd", "secret", "secrets", "token",
    }
)  # fmt: skip
_SECRET_PAIRS = frozenset(
    {("access", "key"), ("api", "key"), ("api", "keys"), ("private", "key"), ("signing", "key")}
)

_SHAPES = re.compile(
    r"""
      (?<=://)[^/\s"'<>]+(?=@)                            # who logs in, in a URL; may hold an @
    | (?<=(?i:bearer)\ )[A-Za-z0-9._~+/=-]{8,}
    | (?<=(?i:basic)\ )[A-Za-z0-9+/=]{8,}
    | \bsk-[A-Za-z0-9_-]{16,}                             # OpenAI, Anthropic, OpenRouter
    | \bgh[pousr]_[A-Za-z0-9]{20,}
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bglpat-[A-Za-z0-9_-]{16,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}
    | \bxapp-[A-Za-z0-9-]{10,}
    | \bA[KS]IA[A-Z0-9]{16}\b
    | \bAIza[A-Za-z0-9_-]{30,}
    | \bhv[sbr]\.[A-Za-z0-9_-]{20,}                       # Vault
    | \bnpm_[A-Za-z0-9]{30,}
    | \bpypi-[A-Za-z0-9_-]{30,}
    | \bbotburrow_agent_[0-9a-f]{64}\b
    | \beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*
    | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----[\s\S]*?(?:-----END\ [A-Z\ ]*PRIVATE\ KEY-----|\Z)
    | (?P<lead>                                           # DB_PASSWORD=…, clientSecret: "…"
        (?: (?<![A-Za-z])(?i:password|passwd|pwd|secret|secret[_-]?key|token|(?:api|access|private)[_-]?key)
          | (?<=[a-z])(?:Password|Passwd|Pwd|Secret|Token|(?:Api|Access|Private|Secret)Key) )
        ["']?\s?[=:]\s?["']?
      )(?:(?<=["'])[^"'\n]{4,}|[^\s"'&,;]{4,})
    """,
    re.VERBOSE,
)


# Trying every shape at every character costs 200 µs a KiB; looking for these pieces costs 2 µs.
# Each shape contains one of them in lower case: a shape without its hint would never be looked for.
_HINTS = (
    "://", "earer ", "asic ", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
    "xox", "xapp-", "akia", "asia", "aiza", "hvs.", "hvb.", "hvr.", "npm_", "pypi-", "botburrow_",
    "eyj", "-----begin", "passw", "pwd", "secret", "token", "api_key", "api-key", "apikey",
    "access_key", "access-key", "accesskey", "private_key", "private-key", "privatekey",
)  # fmt: skip


def text(value: str) -> str:
    """Return the text without what is shaped like a secret."""
    low = value.lower()
    for hint in _HINTS:
        if hint in low:
            return _SHAPES.sub(_cover, value)
    return value


def _cover(found: re.Match[str]) -> str:
    return (found["lead"] or "") + MASK


@lru_cache(maxsize=4096)
def names_secret(name: str) -> bool:
    """Whether a value of this name is a secret, judged by the words of the name."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not _SECRET_WORDS.isdisjoint(words):
        return True
    return not _SECRET_PAIRS.isdisjoint(pairwise(words))


def value(name: str, given: Any, depth: int = 0) -> Any:
    """Return a value as it may be written down under this name."""
    if given is None or isinstance(given, bool):
        return given
    if name and names_secret(name):
        return MASK
    if isinstance(given, str):
        return text(given)
    return given if isinstance(given, int | float) else _inside(given, depth)


def _inside(given: Any, depth: int) -> Any:
    if depth >= _DEEPEST:
        return MASK  # too deep to look through: it could hide anything
    if isinstance(given, Mapping):
        return {str(key): value(str(key), inner, depth + 1) for key, inner in given.items()}
    if isinstance(given, list | tuple | set | frozenset):
        return [value("", inner, depth + 1) for inner in given]
    return text(str(given))
