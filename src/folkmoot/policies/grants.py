"""Authority: every need of an act is covered by the agent file, and none of them is denied.

A model call needs to be one of the agent's own choices. A tool call needs the tool to be named;
that gives its ordinary needs. Every other need takes a grant of its own. A deny beats them all.
This is the only policy that gives permission: without its Allow the gate's answer is no.
"""

from typing import Final

from folkmoot.core import grants
from folkmoot.core.agent import Agent
from folkmoot.core.grants import Grant
from folkmoot.core.verdict import Act, Allow, Deny, Verdict
from folkmoot.policies import reach
from folkmoot.ports.policy import Case

DENIED: Final = "GRANT_DENIED"
MISSING: Final = "GRANT_MISSING"
NOT_NAMED: Final = "TOOL_NOT_NAMED"
NOT_CHOSEN: Final = "MODEL_NOT_CHOSEN"


_YES: Final = Allow("grants")


class Grants:
    """Every need is granted, and no deny touches the act."""

    name = "grants"

    def judge(self, case: Case) -> Verdict | None:
        """Return Allow or Deny for calls of models and tools; abstain on anything else."""
        act, agent = case.act, case.agent
        if act.kind not in {"model", "tool"}:
            return None
        denied = self._denied(act, agent) if agent.denies else None
        return denied or self._unknown(act, agent) or self._granted(act, agent)

    def _denied(self, act: Act, agent: Agent) -> Deny | None:
        hit = reach.first(agent.denies, act)
        if hit is None:
            return None
        pattern, need = hit
        return self._no(
            act, f"{act} needs {need}, which the agent file denies ({pattern}).", DENIED
        )

    def _unknown(self, act: Act, agent: Agent) -> Deny | None:
        if act.kind == "model":
            if act.name == str(agent.model) or act.name in map(str, agent.fallbacks):
                return None
            reason = f"The agent file chooses no model {act.name} (model, fallbacks)."
            return self._no(act, reason, NOT_CHOSEN)
        given = act.named or act.name
        for use in agent.tools:
            if use.name == given:
                return None
        return self._no(act, f"The agent file names no tool {act.name}.", NOT_NAMED)

    def _granted(self, act: Act, agent: Agent) -> Verdict:
        for need in act.needs:
            if not need.ordinary and not _covered(agent, need.grant):
                reason = f"{act} needs the grant {need.grant}, which the agent file does not give."
                return self._no(act, reason, MISSING)
        return _YES

    def _no(self, act: Act, reason: str, code: str) -> Deny:
        # A model that may not be called is the end: nobody is left who could try something else.
        return Deny(self.name, reason, code, stop=act.kind == "model")


def _covered(agent: Agent, need: Grant) -> bool:
    return any(grants.parse(text).covers(need) for text in agent.grants)
