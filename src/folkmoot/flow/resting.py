"""Resting: views of conversations that rest, kept so that the next message need not fold the journal.

A view is kept with the fence under which it was last written. It is still right when a conversation is
found queued under that fence and with that end: whoever writes a journal claims it first, and a claim
raises the fence. It is only a short cut, and the claim is judged by the store as any other: it is written
with the first step, so a worker that is too late is refused whole, and reads.
"""

from collections import OrderedDict

from folkmoot.core.changes import Claimed
from folkmoot.core.view import View

_MOST_TOKENS = 5_000_000


class Resting:
    """The views of a worker's conversations; those that rest the longest go first."""

    def __init__(self, most_tokens: int = _MOST_TOKENS) -> None:
        """`most_tokens`: how much all their transcripts together may hold (estimated)."""
        self._most = most_tokens
        self._held = 0
        self._views: OrderedDict[str, tuple[View, int]] = OrderedDict()

    def keep(self, view: View, fence: int) -> None:
        """Keep a view that is written down whole, if it is of a conversation at rest."""
        if not view.talks or view.turn is not None or view.ended is not None:
            return
        self._drop(view.run)
        self._views[view.run] = (view, fence)
        self._held += _tokens(view)
        while self._held > self._most:
            self._drop(next(iter(self._views)))

    def take(self, seen: Claimed) -> View | None:
        """Return the view of a run that was looked at, if it is still right; it is given away."""
        view, fence = self._views.get(seen.run.id, (None, 0))
        if view is None:
            return None
        self._drop(view.run)
        right = fence == seen.run.fence and view.head.hash.hex() == seen.run.head_hash
        return view if right else None

    def _drop(self, run: str) -> None:
        view, _ = self._views.pop(run, (None, 0))
        if view is not None:
            self._held -= _tokens(view)


def _tokens(view: View) -> int:
    return view.sizes[-1] if view.sizes else 0
