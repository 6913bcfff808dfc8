"""The limits of one run: replies, tokens, money, time, and the task's deadline.

Passing a limit ends the run. What a model call is estimated to use counts before it is made, so a
limit is not found out about by breaking it. Time runs from the first entry of the attempt, by the
wall clock, waiting included; a clock that was set back gives time and never takes it.
The last reply that the limit on iterations allows may still have its tools called.
In a conversation each message has the limits, and the deadline, for itself.
"""

from collections.abc import Callable
from typing import Final

from folkmoot.core.run import DEADLINE_PASSED
from folkmoot.core.spend import NANOS_PER_USD, nanos
from folkmoot.core.verdict import Deny, Verdict
from folkmoot.policies import unpriced
from folkmoot.ports.policy import Case

ITERATIONS: Final = "LIMIT_ITERATIONS"
TOKENS: Final = "LIMIT_TOKENS"
USD: Final = "LIMIT_USD"
TIME: Final = "LIMIT_TIME"
_MS = 1000


class Limits:
    """The run is within its limits; otherwise it ends."""

    name = "limits"

    def judge(self, case: Case) -> Verdict | None:
        """Return Deny (stop) for the first limit that is passed; abstain otherwise."""
        if case.act.kind not in {"model", "tool"}:
            return None
        for check in _CHECKS:
            deny = check(case)
            if deny is not None:
                return deny
        return None


def _stop(reason: str, code: str) -> Deny:
    return Deny(Limits.name, reason, code, stop=True)


def _iterations(case: Case) -> Deny | None:
    limit, used = case.agent.limits.iterations, case.view.replies
    if case.act.kind != "model" or used < limit:
        return None
    return _stop(f"The model has replied {used} times; limits.iterations is {limit}.", ITERATIONS)


def _tokens(case: Case) -> Deny | None:
    limit = case.agent.limits.tokens
    if limit is None:
        return None
    used = case.view.spend.tokens - case.view.base.tokens
    # A model call that is estimated at nothing still uses something.
    coming = max(case.act.tokens, 1) if case.act.kind == "model" else case.act.tokens
    if used + coming <= limit:
        return None
    more = f", and this call is estimated at {coming}" if coming else ""
    return _stop(f"{used} tokens are used{more}; limits.tokens is {limit}.", TOKENS)


def _usd(case: Case) -> Deny | None:
    if case.agent.limits.usd is None:
        return None
    unknown = unpriced.refuse(Limits.name, case.act, "limits.usd")
    if unknown is not None:
        return unknown
    limit, view, coming = nanos(case.agent.limits.usd), case.view, case.act.estimate
    used = view.spend.owed - view.base.owed
    if used + coming <= limit:
        return None
    more = f", and this call is estimated at {_money(coming)}" if coming else ""
    return _stop(f"{_money(used)} are spent{more}; limits.usd is {_money(limit)}.", USD)


def _time(case: Case) -> Deny | None:
    limit = case.agent.limits.seconds
    if limit is None:
        return None
    used = (case.now - case.view.began) / _MS
    if used < limit:
        return None
    return _stop(f"The run has taken {used:.1f} s; limits.time is {limit:g} s.", TIME)


def _deadline(case: Case) -> Deny | None:
    about = case.view.turn or case.view.task
    deadline = about.deadline if about else None
    if deadline is None or case.now < deadline:
        return None
    late = (case.now - deadline) / _MS
    return _stop(f"The task's deadline passed {late:.1f} s ago.", DEADLINE_PASSED)


def _money(amount: int) -> str:
    return f"${amount / NANOS_PER_USD:.6g}"


_CHECKS: tuple[Callable[[Case], Deny | None], ...] = (
    _deadline, _iterations, _tokens, _usd, _time
)  # fmt: skip
