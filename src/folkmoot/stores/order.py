"""What must stand in order: the changes of a set, and the entries of a journal."""

from collections.abc import Sequence

from folkmoot.core import changes as c
from folkmoot.core.entries import Entry
from folkmoot.core.errors import Invalid, JournalBroken, LeaseLost

_NOTHING = "Nothing of this set was written."
_FENCED = (c.Append, c.Move, c.HoldSpend, c.SettleSpend, c.Consume)


def keyless(change: c.Change) -> None:
    """Refuse a birth with a key that is not the first of its set."""
    if type(change) is c.CreateRun and change.key:
        raise Invalid("A CreateRun with a key must be the first of its set.", kept=_NOTHING)


def alone(claim: c.Claim, behind: tuple[c.Change, ...]) -> None:
    """Let what stands behind a claim that failed fail with it."""
    if any(isinstance(change, _FENCED) and change.run == claim.run for change in behind):
        raise LeaseLost(kept="The run as it is.", run=claim.run)


def follow(run: str, end: int, entries: Sequence[Entry]) -> int:
    """Return the journal's new end. Raises JournalBroken for an entry that is not the next one."""
    for entry in entries:
        end += 1
        if entry.seq != end or entry.run != run:
            raise JournalBroken(
                f"Entry {entry.seq} of {entry.run} cannot follow entry {end - 1} of {run}.",
                kept="The journal as it was.",
                run=run,
                end=end - 1,
            )
    return end
