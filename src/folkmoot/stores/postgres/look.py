"""Reading what a batch speaks of, in as few questions as can be."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec

from folkmoot.core import changes as c
from folkmoot.core.changes import Claimed
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run
from folkmoot.stores import queries
from folkmoot.stores.overlay import Budget, Overlay, Row
from folkmoot.stores.postgres import rows
from folkmoot.stores.postgres.rows import plain, quoted

_SIGNALS, _ENTRY = 25, 26
"""Where, in a row of `peeked`, the run's columns end and its entry's begin."""


class Found(msgspec.Struct):
    """A run with its journal and what was said to it."""

    run: Run
    signals: int
    entries: list[Entry] = []
    pending: list[c.Signal] = []

    def row(self) -> Row:
        """Return what the overlay needs of it."""
        row = Row.of(self.run, self.signals, self.entries[-1].seq if self.entries else 0)
        row.was = str(row.state)
        return row

    def claimed(self) -> Claimed:
        """Return what a claim gives."""
        return Claimed(self.run, tuple(self.entries), self.signals, tuple(self.pending))


class Wanted(msgspec.Struct):
    """The names to look up."""

    runs: Sequence[str] = ()
    born: Iterable[str] = ()
    keys: Iterable[tuple[str, str]] = ()
    told: Iterable[tuple[str, str]] = ()
    scopes: Sequence[str] = ()

    def nothing(self) -> bool:
        """Whether there is nothing to ask."""
        return not (self.runs or self.born or self.keys or self.told or self.scopes)


async def look(db: Any, wanted: Wanted, over: Overlay) -> None:
    """Read rows into the overlay."""
    if wanted.nothing():
        return
    keys, told = list(wanted.keys), list(wanted.told)
    found = await db.fetch(
        queries.load("postgres")["look"],
        _names(wanted.runs),
        _names(wanted.born),
        _names(source for source, _ in keys),
        _names(key for _, key in keys),
        _names(run for run, _ in told),
        _names(id_ for _, id_ in told),
        _names(wanted.scopes),
    )
    for row in found:
        _take(over, row)


def _take(over: Overlay, row: Any) -> None:
    what, a, b, third, d, *numbers = row
    name = plain(a)
    match what:
        case "run":
            fence, signals, ready_at, end, limit, spacing, deadline, guarded = numbers
            found = Row(name, b, fence, signals, ready_at, plain(third), end, plain(d))
            found.limit, found.spacing, found.deadline = limit, spacing, deadline
            found.guarded, found.was = guarded, b
            over.rows[name] = found
        case "taken":
            over.taken.add(name)
        case "key":
            over.keys[name, plain(b)] = (plain(third), plain(d))
        case "told":
            over.told.add((name, plain(b)))
        case _:
            over.budgets[name] = Budget(numbers[0], numbers[1])


Ask = Callable[..., Awaitable[list[Any]]]
"""Asks a named statement with its arguments."""


def asker(db: Any) -> Ask:
    """Return what asks a connection."""
    sql = queries.load("postgres")
    return lambda name, *args: db.fetch(sql[name], *args)


async def claimable(ask: Ask, runs: Sequence[str], *, whole: bool = False) -> dict[str, Found]:
    """Read runs; those that are queued (or all: `whole`) with their journals and open signals.

    Outside a transaction the three answers may be of different moments. That does no harm: whatever
    changes a journal between them changes the run's fence, state or number of signals, too, and the
    batch is refused for it.
    """
    if not runs:
        return {}
    answer = await ask("claimable", _names(runs))
    found = {run.id: Found(run, row[-1]) for row in answer for run in (rows.to_run(row),)}
    names = _names(run for run, one in found.items() if whole or one.run.state == "queued")
    if not names:
        return found
    for row in await ask("journals", names):
        entry = rows.to_entry(row)
        found[entry.run].entries.append(entry)
    await _add_signals(ask, found, names)
    return found


async def peek(ask: Ask, runs: Sequence[str], now: int) -> list[Found]:
    """Read those of these runs that could be claimed by `now`; with journals where nobody has had them.

    As above, a run and its signals may be of different moments.
    """
    found: dict[str, Found] = {}
    for row in await ask("peeked", _names(runs)):
        one = found.get(id_ := plain(row[0]))
        if one is None:
            one = found[id_] = Found(rows.to_run(row), row[_SIGNALS])
        if row[_ENTRY] is not None:
            one.entries.append(Entry(id_, *row[_ENTRY:]))
    ready = {id_: one for id_, one in found.items() if one.run.ready(now)}
    await _add_signals(ask, ready, _names(ready))
    return list(ready.values())


async def _add_signals(ask: Ask, found: dict[str, Found], names: list[str]) -> None:
    """Read what was said to runs, and is not written down yet."""
    if any(one.signals for one in found.values()):
        for row in await ask("open_signals", names):
            signal = rows.to_signal(row)
            found[signal.run].pending.append(signal)


async def lock(db: Any, runs: Iterable[str], scopes: Iterable[str]) -> None:
    """Lock runs, then budgets, each in the order of their names."""
    sql = queries.load("postgres")
    if names := _names(runs):
        await db.fetchval(sql["lock_runs"], names)
    if names := sorted(_names(scopes)):
        await db.fetchval(sql["lock_budgets"], names)


def _names(names: Iterable[str]) -> list[str]:
    return [quoted(name) for name in names]
