"""Regain: a store that failed leaves a run in our hands without our knowing how it stands.

It is read again as soon as the store can be read, and never gone on with from what was known before: its
journal may have grown since, and what it has must not be done again. The fence says whether it is still
ours. Signals are counted before they are read: one that comes between is heard once more, in vain; the
other way round it would be slept through.
"""

from folkmoot.core.changes import Append, Claimed
from folkmoot.core.errors import LeaseLost, StoreClosed, StoreFault
from folkmoot.flow.parts import Parts

AGAIN_S = 1.0


async def regain(parts: Parts, run: str, fence: int) -> Claimed | None:
    """Return a run as it stands; None when it is ours no more, or the store was closed."""
    while True:
        try:
            return await _read(parts, run, fence)
        except (LeaseLost, StoreClosed):
            return None
        except StoreFault as fault:
            parts.report("store_failed", run, fault)
            await parts.clock.sleep(AGAIN_S)


async def _read(parts: Parts, id_: str, fence: int) -> Claimed | None:
    store = parts.store
    signals = (await store.write(Append(run=id_, fence=fence, entries=())))[0]
    run, pending = await store.run(id_), await store.signals([id_])
    if run is None:
        return None
    journal, after = [], 0
    while part := await store.entries(id_, after):
        journal += part
        after = part[-1].seq
    return Claimed(run, tuple(journal), int(signals or 0), tuple(pending))  # type: ignore[arg-type]
