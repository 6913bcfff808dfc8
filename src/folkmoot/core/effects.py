"""Effect classes: what recovery may do with a call whose result was not journaled.

pure            reads only; done again
idempotent      doing it twice is doing it once; done again with the same effect id
reconcilable    leaves a trace that can be asked; asked through the tool's reconcile hook
once            cannot be asked and must not be repeated; becomes *in doubt*
"""

from enum import StrEnum


class Effect(StrEnum):
    """The effect class of a tool."""

    PURE = "pure"
    IDEMPOTENT = "idempotent"
    RECONCILABLE = "reconcilable"
    ONCE = "once"

    @property
    def needs_start(self) -> bool:
        """Whether a Started entry must be durable before the call begins."""
        return self in {Effect.RECONCILABLE, Effect.ONCE}


def effect_id(run: str, seq: int, call: str) -> str:
    """Return the stable name of one effect: the run, the entry that asked for it, the call in it.

    Tools pass it on as an idempotency key; it is the same however often the call is repeated.
    """
    return f"{run}/{seq}/{call}"
