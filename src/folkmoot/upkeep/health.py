"""Health: every part is probed when somebody asks; nothing is ever "healthy" by constant.

Ready means: the store takes a write, the broker carries, our duties make their rounds, and there is room
for another run. How the fleet as a whole stands (fleet.py) is told beside that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from folkmoot.core.changes import PutRecord
from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import Health, Part
from folkmoot.upkeep.duty import Duty

Probe = Callable[[], Awaitable[str]]
More = Callable[[], Awaitable[list[Part]]]
PROBE_S = 3.0
"""Less than whoever asks is patient (the HTTP API: 5 s), so that silence is named and not only noticed."""


def probe(me: str) -> PutRecord:
    """Return a write that costs next to nothing: a document that everybody who asks writes over."""
    return PutRecord(kind="health", key="probe", body=me.encode(), due=0, version=None)


class Prober:
    """Asks the parts."""

    def __init__(
        self,
        probes: dict[str, Probe],
        duties: Sequence[tuple[Duty, float]],
        load: Callable[[], tuple[int, int]],
        notes: Sequence[Callable[[], Sequence[Part]]] = (),
        more: dict[str, More] | None = None,
    ) -> None:
        """`duties` come with the seconds after which they are late; `load` is (active, capacity).

        `notes` are parts that know how they are without being probed.
        `more` tells further parts; when it fails, a part of its name says so, which is not critical.
        """
        self._probes = probes
        self._duties = duties
        self._load = load
        self._notes = notes
        self._more = {} if more is None else more

    async def health(self) -> Health:
        """Probe everything now, side by side."""
        probing = [self._probe(*item) for item in self._probes.items()]
        telling = [self._tell(*item) for item in self._more.items()]
        found = await asyncio.gather(*probing, *telling)
        parts = [part for some in found[: len(probing)] for part in some]
        parts += [_duty(duty, late_s) for duty, late_s in self._duties]
        parts += [part for note in self._notes for part in note()]
        active, capacity = self._load()
        if capacity:
            room = active < capacity
            parts.append(Part(name="capacity", ok=room, detail=f"{active} of {capacity} runs"))
        parts += [part for some in found[len(probing) :] for part in some]
        ready = all(part.ok for part in parts if part.critical)
        return Health(ready=ready, parts=tuple(parts), active=active, capacity=capacity)

    async def _probe(self, name: str, probe: Probe) -> list[Part]:
        async def ask() -> list[Part]:
            return [Part(name=name, ok=True, detail=await probe())]

        return await _asked(name, ask, critical=True)

    async def _tell(self, name: str, more: More) -> list[Part]:
        return await _asked(name, more, critical=False)


async def _asked(name: str, ask: More, *, critical: bool) -> list[Part]:
    """Return what is told, or why nothing is."""
    asking = asyncio.ensure_future(ask())
    try:
        await asyncio.wait({asking}, timeout=PROBE_S)
        if asking.cancelled():
            why = "its answer was cut off"
        elif asking.done():
            return asking.result()
        else:
            why = f"no answer within {PROBE_S:g} s"
    except FolkmootError as fault:
        why = fault.message
    except Exception as fault:  # noqa: BLE001 - whatever it is, the part is not well
        why = type(fault).__name__
    finally:
        # Told to end, and not waited for: a client that lost its server may take long over that, too.
        asking.cancel()
        asking.add_done_callback(_heard)
    return [Part(name=name, ok=False, detail=why, critical=critical)]


def _heard(asking: "asyncio.Future[list[Part]]") -> None:
    """Take note of how it ended, so that nobody complains of an error that nobody heard."""
    if not asking.cancelled():
        asking.exception()


def _duty(duty: Duty, late_s: float) -> Part:
    if duty.late(late_s):
        return Part(name=duty.name, ok=False, detail=duty.fault or f"no round for {late_s:g} s")
    return Part(name=duty.name, ok=True, detail=duty.fault)
