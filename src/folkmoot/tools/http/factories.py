"""The names of the HTTP tools in an agent file."""

from typing import Any

from folkmoot.core.agent import Agent
from folkmoot.ports.tool import Tool, ToolFactory
from folkmoot.tools import options


def _fetch(agent: Agent, given: dict[str, Any]) -> tuple[Tool, ...]:
    # httpx takes a tenth of a second to load: only for agents that use it
    from folkmoot.tools.http import fetch, parts  # noqa: PLC0415 - see above

    read = options.read("http_fetch", given, fetch.HttpOptions)
    return (fetch.Fetch(read, *parts.of(agent)),)


def _request(agent: Agent, given: dict[str, Any]) -> tuple[Tool, ...]:
    from folkmoot.tools.http import fetch, parts, request  # noqa: PLC0415 - as in _fetch

    read = options.read("http_request", given, fetch.HttpOptions)
    return (request.Request(read, *parts.of(agent)),)


def form(pattern: str) -> str:
    """Return a pattern as it could fit a request: the host in lower case, without a scheme before it."""
    bare = pattern.split("://", 1)[-1]
    host, slash, path = bare.partition("/")
    return f"{host.lower()}{slash}{path}"


ACTIONS = {"http": ("get", "post", "put", "patch", "delete", "private")}
FACTORIES: dict[str, ToolFactory] = {"http_fetch": _fetch, "http_request": _request}
