"""Runs, entries and signals to try a store with. Times are those of a frozen afternoon."""

from typing import Any

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.entries import Created, Entry, Head, MessageAdded, write
from folkmoot.core.run import Run, RunState
from folkmoot.core.signals import AnySignal, Retry, Say, kind
from folkmoot.core.task import Task
from folkmoot.ports.store import Store

NOW = 1_795_000_000_000
CROWD = 100
ALIVE_MS = 600_000


def birth(run: str, *, key: str = "", fingerprint: str = "same", **fields: Any) -> c.CreateRun:
    """Return a new run with its first entry; `fields` are those of Run."""
    agent = fields.setdefault("agent", "sample")
    entry = write(Head(), run, NOW, Created(task=Task(agent=agent, input="Work."), definition="d"))
    times = {"created_at": NOW, "updated_at": NOW}
    head = {"head": 1, "head_hash": entry.hash.hex()}
    new = Run(**{"id": run, "definition": "d", **times, **head, **fields})
    return c.CreateRun(run=new, entries=(entry,), key=key, fingerprint=fingerprint)


def signal(run: str, name: str, said: AnySignal | None = None, at: int = NOW) -> c.Signal:
    """Return a signal; without `said`, a message."""
    said = said or Say(f"signal {name}")
    return c.Signal(run=run, id=name, kind=kind(said), body=msgspec.json.encode(said), at=at)


def retry(run: str, name: str) -> c.Signal:
    """Return a signal of kind `retry`."""
    return signal(run, name, Retry())


class Held:
    """A run as the worker that claimed it knows it: its fence and where its journal ends."""

    def __init__(self, claimed: c.Claimed) -> None:
        """Take over what a claim gave."""
        self.claimed = claimed
        self.run = claimed.run.id
        self.fence = claimed.run.fence
        last = claimed.entries[-1]
        self.head = Head(last.seq, last.hash)

    def entries(self, *texts: str, at: int = NOW) -> tuple[Entry, ...]:
        """Return the next entries of the journal, one for each text."""
        made = []
        for text in texts:
            entry = write(self.head, self.run, at, MessageAdded(text=text))
            self.head = Head(entry.seq, entry.hash)
            made.append(entry)
        return tuple(made)

    def append(self, *texts: str, at: int = NOW) -> c.Append:
        """Return the change that adds entries with these texts."""
        return c.Append(run=self.run, fence=self.fence, entries=self.entries(*texts, at=at))

    def move(self, state: RunState, **fields: Any) -> c.Move:
        """Return the change that brings the run into a state."""
        head = {"head": self.head.seq, "head_hash": self.head.hash.hex()}
        given = {"at": NOW, "attempt": 1, "spend": self.claimed.run.spend, **head, **fields}
        return c.Move(run=self.run, fence=self.fence, state=state, **given)

    def hold(self, scope: str, amount: int, limit: int) -> c.HoldSpend:
        """Return the change that sets money aside."""
        return c.HoldSpend(run=self.run, fence=self.fence, scope=scope, amount=amount, limit=limit)

    def settle(self, scope: str, held: int, spent: int) -> c.SettleSpend:
        """Return the change that settles a hold."""
        return c.SettleSpend(run=self.run, fence=self.fence, scope=scope, held=held, spent=spent)

    def consume(self, *ids: str) -> c.Consume:
        """Return the change that notes signals as written down."""
        return c.Consume(run=self.run, fence=self.fence, ids=ids)


def foreseen(new: c.CreateRun, worker: str = "w1") -> tuple[Held, c.Claim]:
    """Return a new run as a worker knows it whose claim is still to be written, and that claim."""
    held = Held(c.Claimed(new.run, new.entries))
    held.fence += 1
    return held, c.Claim(run=new.run.id, worker=worker, now=NOW, read=False)


async def take(store: Store, run: str, worker: str = "w1", now: int = NOW) -> Held:
    """Claim a run that can be had."""
    (claimed,) = await store.write(c.Claim(run=run, worker=worker, now=now))
    assert isinstance(claimed, c.Claimed), f"{run} could not be claimed"
    return Held(claimed)


async def start(store: Store, run: str, worker: str = "w1", **fields: Any) -> Held:
    """Make a run and claim it."""
    await store.write(birth(run, **fields))
    return await take(store, run, worker)


async def rest(store: Store, run: str, **fields: Any) -> Held:
    """Make a run, claim it and let it wait; return what its worker knew."""
    held = await start(store, run)
    await store.write(held.move(RunState.WAITING, **{"waits_for": "a message", **fields}))
    return held


async def end(store: Store, run: str, state: RunState = RunState.SUCCEEDED) -> Held:
    """Make a run and bring it to its end; return what its worker knew."""
    held = await start(store, run, guarded=False)
    await store.write(held.move(state))
    return held


async def known(store: Store, run: str) -> Run:
    """Return a run that must be there."""
    found = await store.run(run)
    assert found is not None, f"{run} is not in the store"
    return found
