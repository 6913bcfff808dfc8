"""The pen: writes one run's journal while its lease lasts.

`note` makes an entry and lets the view see it; it is durable with the next `commit`, and nothing that
follows from it may begin before. So the result of a step and the permission of the next are one
transaction. What is given to `commit` itself is seen by the view only when it was written: a hold that
fails leaves the journal and the view without it. The chain's end is ours alone: the fence sees to it.
"""

from collections.abc import Awaitable, Callable

import msgspec

from folkmoot.core import entries
from folkmoot.core.changes import Append, Change, Claimed, CreateRun, Move, Outcome
from folkmoot.core.entries import Body, Entry
from folkmoot.core.errors import JournalBroken, LeaseLost
from folkmoot.core.events import Event
from folkmoot.core.run import Run, RunState
from folkmoot.core.view import View, apply, fold
from folkmoot.flow.parts import Parts
from folkmoot.flow.tidings import tidings

Begun = Callable[[], Awaitable[None]]


class Journal:
    """One run's journal, open for writing."""

    def __init__(
        self,
        parts: Parts,
        claimed: Claimed,
        first: tuple[Change, ...] = (),
        begun: Begun | None = None,
        view: View | None = None,
    ) -> None:
        """Fold what is there. `first` is written before anything else, in the same transaction.

        `begun` is told when it is written. With a `view` nothing need be folded; it is ours from now on.
        """
        self.run: Run = claimed.run
        self.broken: JournalBroken | None = None
        self.view: View = view or self._folded(claimed)
        self.signals = claimed.signals
        self.heard = claimed.signals - len(claimed.pending)
        self._parts = parts
        self._head = self.view.head
        self._fresh: list[tuple[Entry, Body]] = []
        self._after: list[Change] = []
        self._first = first
        self._begun = begun
        self.emits: tuple[str, ...] = ()

    def _folded(self, claimed: Claimed) -> View:
        """Fold what is there. Of a journal that cannot be read only its end is known, and what the run's row says."""
        try:
            return fold(claimed.run.id, list(claimed.entries))
        except JournalBroken as fault:
            self.broken, run, last = fault, claimed.run, claimed.entries[-1]
            head = entries.Head(last.seq, last.hash)
            return View(run.id, head=head, attempt=run.attempt, spend=run.spend, output=run.output)

    def sound(self) -> View:
        """Return the view. Raises JournalBroken when it could not be made."""
        if self.broken is not None:
            raise self.broken
        return self.view

    @property
    def ours(self) -> bool:
        """Whether the store has our claim."""
        return not self._first

    @property
    def fence(self) -> int:
        """The fence under which we write."""
        return self.run.fence

    def _make(self, body: Body) -> Entry:
        entry = entries.write(self._head, self.run.id, self._parts.clock.now(), body)
        self._head = entries.Head(entry.seq, entry.hash)
        return entry

    def note(self, body: Body, *changes: Change) -> None:
        """Add an entry (and changes that belong to it); durable with the next commit."""
        entry = self._make(body)
        apply(self.view, entry, body)
        self._fresh.append((entry, body))
        self._after.extend(changes)

    async def commit(self, *bodies: Body, changes: tuple[Change, ...] = ()) -> None:
        """Make everything durable: what was noted, then these entries, with these changes."""
        if await self._commit(bodies, changes) and (topic := self._topic("entry")):
            await self._parts.broker.publish(Event(topic))

    async def _commit(self, bodies: tuple[Body, ...], changes: tuple[Change, ...]) -> bool:
        """Write what there is; return whether there were entries."""
        fresh, after, first, head = self._fresh, self._after, self._first, self._head
        if not (fresh or after or first or bodies or changes):
            return False
        late = [(self._make(body), body) for body in bodies] if bodies else []
        self._fresh, self._after = [], []
        both = fresh + late
        try:
            outcomes = await self._parts.store.write(*first, *self._append(both), *after, *changes)
        except BaseException:
            self._fresh = sorted(fresh + self._fresh, key=lambda pair: pair[0].seq)
            self._after = after + self._after
            if late:
                self._head = head
            raise
        for entry, body in late:
            apply(self.view, entry, body)
        if both:
            self.signals = int(outcomes[len(first)] or 0)  # type: ignore[arg-type]
        if first:
            self._take_in(first, outcomes)
        if both:
            self._show(both)
        if self._begun is not None:
            begun, self._begun = self._begun, None
            await begun()
        return bool(both)

    def _take_in(self, first: tuple[Change, ...], outcomes: tuple[Outcome, ...]) -> None:
        """Look at what became of what was written first: the claim stands last in it."""
        if outcomes[len(first) - 1] is None:
            raise LeaseLost(kept="The run as it is.", run=self.run.id)
        self._first = ()
        for change in first:
            if type(change) is CreateRun:
                self._show([(entry, entry.read()) for entry in change.entries])

    def _append(self, both: list[tuple[Entry, Body]]) -> tuple[Append, ...]:
        if not both:
            return ()
        written = tuple([entry for entry, _ in both])
        return (Append(run=self.run.id, fence=self.run.fence, entries=written),)

    def _show(self, both: list[tuple[Entry, Body]]) -> None:
        """Let the observers see what is durable now."""
        audience = self._parts.audience
        for entry, body in both:
            for observe in audience.of(type(body)):
                try:
                    observe(self.run, entry, body)
                except Exception as fault:  # noqa: BLE001 - who only looks must not stop what is done
                    self._parts.report("observer_broke", self.run.id, fault)

    def _topic(self, what: str) -> str:
        """Return the topic of a hint to those who follow this run; "" when there are none."""
        topic = f"run.{self.run.id}.{what}"
        return topic if self._parts.broker.heard(topic) else ""

    async def move(
        self, body: Body | None, state: RunState, *changes: Change, **fields: object
    ) -> None:
        """Change the run's state, with a last entry if there is one. The pen is put down then.

        The hint of the state stands for that of the entries, too.
        """
        if body is not None:
            self.note(body)
        view, deadline = self.view, self.run.deadline
        if deadline and state is RunState.WAITING:
            # It wakes in time to be given up.
            fields["wake_at"] = min(deadline, fields.get("wake_at") or deadline)  # type: ignore[call-overload]
        fields.setdefault("output", view.output)
        move = Move(
            run=self.run.id,
            fence=self.run.fence,
            state=state,
            at=self._parts.clock.now(),
            attempt=view.attempt,
            head=self._head.seq,
            head_hash=self._head.hash.hex(),
            spend=view.spend,
            signals_seen=self.heard,
            **fields,  # type: ignore[arg-type]
        )
        told = tidings(self.run, move, (*self._parts.emits, *self.emits)) if state.final else ()
        await self._commit((), (*changes, *told, move))
        self._parts.endings.put_down(_moved(self.run, move))
        if topic := self._topic("state"):
            hint = b'{"state":"%b"}' % state.encode()
            await self._parts.broker.publish(Event(topic, hint))


def _moved(run: Run, move: Move) -> Run:
    """Return the run as the move leaves it."""
    return msgspec.structs.replace(
        run,
        state=move.state,
        worker="",
        updated_at=move.at,
        attempt=move.attempt,
        head=move.head,
        head_hash=move.head_hash,
        spend=move.spend,
        ready_at=move.ready_at,
        wake_at=move.wake_at,
        waits_for=move.waits_for,
        output=move.output,
        error=move.error,
    )
