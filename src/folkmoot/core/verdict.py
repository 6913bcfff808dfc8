"""Verdicts, and how they fold: Deny beats Ask beats Allow; no answer at all means Deny."""

from collections.abc import Sequence

import msgspec

from folkmoot.core.effects import Effect
from folkmoot.core.grants import Grant
from folkmoot.core.spend import Hold


class Need(msgspec.Struct, frozen=True):
    """A permission that one call needs. `ordinary`: naming the tool in the agent file gives it."""

    grant: Grant
    ordinary: bool = False


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate judges: one step, reduced to what it does to the world.

    `kind` is `model` or `tool`; `name` the model or tool; `named` the item of the agent file that
    gave the tool, where that is a group (`files` gave `files_read`); `digest` the canonical hash of
    the exact call (hex), to which an approval binds; `estimate` nanos that the step may cost,
    negative when nobody knows.
    """

    kind: str
    name: str
    call: str
    needs: tuple[Need, ...] = ()
    effect: Effect = Effect.PURE
    digest: str = ""
    estimate: int = 0
    tokens: int = 0
    named: str = ""

    def __str__(self) -> str:
        """Return the act as a person would name it."""
        return f"{self.kind} {self.name}"


class Allow(msgspec.Struct, frozen=True):
    """Yes; and hold this money first."""

    policy: str
    holds: tuple[Hold, ...] = ()


class AskPerson(msgspec.Struct, frozen=True):
    """Only when `needs` of these people agree, before it expires (seconds from now)."""

    policy: str
    reason: str
    by: tuple[str, ...] = ()
    needs: int = 1
    expires_s: float | None = None


class Deny(msgspec.Struct, frozen=True):
    """No. `stop` ends the run; otherwise the model is told and may try something else."""

    policy: str
    reason: str
    code: str = "DENIED"
    stop: bool = False


Verdict = Allow | AskPerson | Deny


def fold(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the one verdict that counts. The first Deny, else the first Ask, else one Allow."""
    asked: AskPerson | None = None
    holds: tuple[Hold, ...] = ()
    allowed = ""
    for verdict in verdicts:
        kind = type(verdict)
        if kind is Allow:
            allowed = allowed or verdict.policy
            holds += verdict.holds  # type: ignore[union-attr]
        elif kind is Deny:
            return verdict
        else:
            asked = asked or verdict  # type: ignore[assignment]
    if asked is not None:
        return asked
    if not allowed:
        return Deny("gate", "No policy allows this.", "NO_POLICY")
    return Allow(allowed, holds)
