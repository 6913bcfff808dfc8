"""The history: what the store and the witnesses say when all is over. A value, read once."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.effects import effect_id
from folkmoot.core.entries import Entry
from folkmoot.core.run import Run
from folkmoot.flow.verify import verify
from folkmoot.ports.desk import Broken
from folkmoot.ports.store import Query, Store
from folkmoot.testing.fleet.witness import Line, Witness

_PAGE = 1000


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose end the journal holds: a result (`error` is its code), or a doubt."""

    effect: str
    name: str
    seq: int
    at: int
    error: str = ""
    doubted: bool = False
    reconciled: bool = False


class History(msgspec.Struct, kw_only=True):
    """Everything that the check needs.

    `taken` is key → run as callers were told; `waits` are keys whose runs must wait for a person.
    `budgets` is scope → (spent, held); `counts` is what the store says of its states.
    """

    taken: Mapping[str, str]
    waits: frozenset[str] = frozenset()
    runs: list[Run]
    journals: dict[str, list[Entry]]
    lines: list[Line]
    budgets: dict[str, tuple[int, int]]
    counts: dict[str, int]
    broken: tuple[Broken, ...] = ()

    def key(self, run: str) -> str:
        """Return the key that a run was made by."""
        journal = self.journals.get(run)
        first = journal[0].read() if journal else None
        return first.task.key if isinstance(first, e.Created) else ""


async def read(
    store: Store, witness: Path, taken: Mapping[str, str], waits: frozenset[str] = frozenset()
) -> History:
    """Read a history from a store that nobody writes to any more."""
    await store.open()
    try:
        runs = await _runs(store)
        journals = {run.id: await _journal(store, run.id) for run in runs}
        scopes = _scopes(journals)
        return History(
            taken=dict(taken),
            waits=waits,
            runs=runs,
            journals=journals,
            lines=Witness(witness).read(),
            budgets={scope: await store.spent(scope) for scope in sorted(scopes)},
            counts=dict((await store.counts()).states),
            broken=(await verify(store)).broken,
        )
    finally:
        await store.close()


async def _runs(store: Store) -> list[Run]:
    found: list[Run] = []
    query = Query(limit=_PAGE)
    while part := await store.runs(query):
        found += part
        query = msgspec.structs.replace(query, before=part[-1].id)
    return found


async def _journal(store: Store, run: str) -> list[Entry]:
    found: list[Entry] = []
    while part := await store.entries(run, len(found), _PAGE):
        found += part
    return found


def _scopes(journals: Mapping[str, list[Entry]]) -> set[str]:
    bodies = (entry.read() for journal in journals.values() for entry in journal)
    return {hold.scope for body in bodies if isinstance(body, e.ModelCalled) for hold in body.holds}


def ends(run: str, journal: list[Entry]) -> list[Ended]:
    """Return the calls whose end a journal holds, with the effect ids that the machine gave them."""
    found: list[Ended] = []
    reply = asked = 0
    for entry in journal:
        body = entry.read()
        seq, at = entry.seq, entry.at
        match body:
            case e.ModelCalled():
                asked = seq
            case e.ModelReplied(call=call, purpose=purpose):
                effect = effect_id(run, asked, call)
                found.append(Ended(effect=effect, name="model", seq=seq, at=at))
                reply = seq if purpose == "reply" else reply
            case e.ToolReturned(call=call, name=name, error=error, reconciled=reconciled):
                effect = effect_id(run, reply, call)
                ended = Ended(
                    effect=effect, name=name, seq=seq, at=at, error=error, reconciled=reconciled
                )
                found.append(ended)
            case e.ToolDoubted(call=call, name=name):
                effect = effect_id(run, reply, call)
                found.append(Ended(effect=effect, name=name, seq=seq, at=at, doubted=True))
            case _:
                pass
    return found
