"""What a store's journals say at some moment, read by another process than the one that wrote them."""

import asyncio
from pathlib import Path

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.effects import effect_id
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run
from folkmoot.flow.verify import verify
from folkmoot.ports.store import Query
from folkmoot.stores.sqlite.store import SqliteStore


class Died(msgspec.Struct, frozen=True, kw_only=True):
    """The state of things. `ended` are effect ids of calls with a result; `seen` witness lines."""

    runs: int = 0
    ended: frozenset[str] = frozenset()
    doubted: tuple[str, ...] = ()
    flaws: tuple[str, ...] = ()
    seen: int = 0


def journal(path: Path) -> Died:
    """Read a store's journals, and verify their chains."""
    if not path.exists():
        return Died()
    return asyncio.run(_read(path))


async def _read(path: Path) -> Died:
    store = SqliteStore(path)
    await store.open()
    try:
        runs = await store.runs(Query(limit=100))
        ended: set[str] = set()
        doubted: list[str] = []
        crossed: tuple[str, ...] = ()
        for run in runs:
            entries = await store.entries(run.id, 0, 1_000_000)
            _take(run, entries, ended, doubted)
            crossed += _crossed(entries)
        found = await verify(store)
        flaws = tuple(f"entry {b.seq} of {b.run}: {b.reason}" for b in found.broken) + crossed
        return Died(runs=len(runs), ended=frozenset(ended), doubted=tuple(doubted), flaws=flaws)
    finally:
        await store.close()


def _take(run: Run, found: list[Entry], ended: set[str], doubted: list[str]) -> None:
    """Collect the effect ids of ended calls, as the machine makes them."""
    reply = asked = 0
    for entry in found:
        body = entry.read()
        match body:
            case e.ModelCalled():
                asked = entry.seq
            case e.ModelReplied(call=call, purpose=purpose):
                ended.add(effect_id(run.id, asked, call))
                reply = entry.seq if purpose == "reply" else reply
            case e.ToolReturned(call=call):
                ended.add(effect_id(run.id, reply, call))
            case e.ToolDoubted(call=call):
                ended.add(effect_id(run.id, reply, call))
                doubted.append(call)
            case _:
                pass


def _crossed(found: list[Entry]) -> tuple[str, ...]:
    """Return where a conversation's messages were not answered once, one at a time, in order."""
    flaws, open_, known = [], "", set()
    for entry in found:
        match entry.read():
            case e.MessageAdded(message=message) if message:
                if open_ or message in known:
                    flaws.append(f"entry {entry.seq}: {message} was taken while {open_ or 'known'}")
                open_ = message
                known.add(message)
            case e.MessageAnswered(message=message):
                if message != open_:
                    flaws.append(f"entry {entry.seq}: {message} was answered instead of {open_}")
                open_ = ""
            case _:
                pass
    return tuple(flaws)
