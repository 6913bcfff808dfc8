"""The gate: asks every policy in the declared order and folds their verdicts.

It fails closed: a policy that breaks is a Deny, and so is silence. A Deny ends the asking.
"""

import asyncio
from collections.abc import Sequence

from folkmoot.core.errors import FolkmootError
from folkmoot.core.verdict import Allow, AskPerson, Deny, Verdict, fold
from folkmoot.ports.policy import Case, Policy

_PLAIN = frozenset({Allow, AskPerson, Deny, type(None)})


class Gate:
    """Judges acts."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """The order of `policies` is the order in which they are asked."""
        self._policies = tuple(policies)

    async def judge(self, case: Case) -> Verdict:
        """Return the one verdict that counts."""
        verdicts: list[Verdict] = []
        for policy in self._policies:
            try:
                said = policy.judge(case)
                verdict = await said if type(said) not in _PLAIN else said  # type: ignore[misc]
            except BaseException as fault:
                if _from_outside(fault):
                    raise
                return _broken(policy.name, fault)  # whatever broke, the answer is no
            if verdict is None:
                continue
            if type(verdict) is Deny:
                return verdict
            verdicts.append(verdict)  # type: ignore[arg-type]
        return fold(verdicts)


def _from_outside(fault: BaseException) -> bool:
    """Whether somebody ends us, and not the policy itself (`sys.exit`, a cancelled task of its own)."""
    task = asyncio.current_task()
    cancelled = task is not None and task.cancelling() > 0
    return isinstance(fault, KeyboardInterrupt) or (cancelled and not isinstance(fault, Exception))


def _broken(policy: str, fault: BaseException) -> Deny:
    """Return the Deny of a policy that could not decide; foreign errors may hold secrets: name only."""
    text = fault.message if isinstance(fault, FolkmootError) else type(fault).__name__
    return Deny(
        policy,
        f"The policy could not decide ({text}); without it nothing is allowed.",
        "POLICY_DOWN",
    )
