"""Egress: what an agent file lets out, for what the gate cannot see before a call begins.

The gate judges the URL of a call. Where a redirect leads, and to which address a name resolves, is
known only later; it is held here against the same grants, denies and approvals. A private address
needs a grant that says so (`http:private:<host>`): `http:*` does not.
"""

from folkmoot.core.agent import Agent
from folkmoot.core.grants import Grant, parse
from folkmoot.tools.http.addresses import Resolve, public
from folkmoot.tools.http.urls import Target
from folkmoot.tools.trouble import Trouble

PRIVATE = "private"


class Egress:
    """The ways out of one agent."""

    def __init__(self, agent: Agent, resolve: Resolve) -> None:
        self._grants = [parse(text) for text in agent.grants]
        stops = [*agent.denies, *(approval.match for approval in agent.approvals)]
        # `tool:` names tools, which may have capitals, and no place to go to
        self._stops = [parse(text) for text in stops if not text.startswith("tool:")]
        self._resolve = resolve

    def follows(self, source: Target, target: Target) -> bool:
        """Whether a redirect may be followed without asking the gate again."""
        if source.scheme == "https" and target.scheme != "https":
            return False
        return self._allows(Grant("http", "get", target.resource), self._grants)

    async def addresses(self, target: Target) -> list[str]:
        """Return the addresses to connect to, each of them allowed. Raises Trouble.

        The caller connects to these and resolves no name again: a second answer may be another.
        """
        found = await self._resolve(target.host, target.port)
        if all(public(address) for address in found) or self._may_private(target.host):
            return found
        raise Trouble(
            "PRIVATE_ADDRESS",
            f"{target.host!r} is a private, loopback or reserved address, which this agent may not "
            f"reach (it would need the grant http:{PRIVATE}:{target.host}).",
        )

    def _may_private(self, host: str) -> bool:
        spoken = [rule for rule in self._grants if (rule.service, rule.action) == ("http", PRIVATE)]
        return self._allows(Grant("http", PRIVATE, host), spoken)

    def _allows(self, need: Grant, grants: list[Grant]) -> bool:
        covered = any(rule.covers(need) for rule in grants)
        return covered and not any(rule.covers(need) for rule in self._stops)
