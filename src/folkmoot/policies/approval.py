"""People: calls that the agent file wants approved wait for them.

When several rules match one call, whoever approves must satisfy all of them: the most voices, only
people whom every rule admits, and the shortest time. Rules that leave too few people are a Deny
that says so: a question that nobody can answer would wait for ever.
A call that was approved (this very call of the last reply, by its id) is not asked about again.
"""

from functools import reduce
from typing import Final

from folkmoot.core.agent import Approval
from folkmoot.core.pending import APPROVED
from folkmoot.core.verdict import Act, AskPerson, Deny, Verdict
from folkmoot.core.view import View
from folkmoot.policies import reach
from folkmoot.ports.policy import Case

IMPOSSIBLE: Final = "APPROVAL_IMPOSSIBLE"


class Approvals:
    """A call that matches a rule of the agent file needs people to agree."""

    name = "approval"

    def judge(self, case: Case) -> Verdict | None:
        """Return AskPerson for a tool call that needs it and has it not; abstain otherwise."""
        act, agent = case.act, case.agent
        if act.kind != "tool" or not agent.approvals:
            return None
        rules = [rule for rule in agent.approvals if reach.first((rule.match,), act)]
        if not rules or _approved(case.view, act):
            return None
        return self._ask(act, rules)

    def _ask(self, act: Act, rules: list[Approval]) -> Verdict:
        patterns = ", ".join(rule.match for rule in rules)
        needs = max(rule.needs for rule in rules)
        by = _admitted(rules)
        if by is not None and len(by) < needs:
            reason = (
                f"{act} needs {needs} approval(s), but only {len(by)} of the people named satisfy "
                f"every rule that matches it ({patterns})."
            )
            return Deny(self.name, reason, IMPOSSIBLE)
        expires = min(
            (rule.expires_s for rule in rules if rule.expires_s is not None), default=None
        )
        reason = f"The agent file wants this approved ({patterns})."
        return AskPerson(self.name, reason, by or (), needs, expires)


def _approved(view: View, act: Act) -> bool:
    pending = view.pending.get(act.call)
    return pending is not None and pending.status == APPROVED


def _admitted(rules: list[Approval]) -> tuple[str, ...] | None:
    """Return the people whom every rule admits, in the order written, or None for anyone."""
    named = [rule.by for rule in rules if rule.by]
    if not named:
        return None
    both = reduce(lambda kept, by: kept & set(by), named[1:], set(named[0]))
    return tuple(person for person in dict.fromkeys(named[0]) if person in both)
