"""Health: every part is probed when somebody asks; nothing is ever "healthy" by constant.

Ready means: the store takes a write, the broker carries, our duties make their rounds, and there is room
for another run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import Health, Part
from folkmoot.upkeep.duty import Duty

Probe = Callable[[], Awaitable[str]]
_PROBE_S = 5.0


class Prober:
    """Asks the parts."""

    def __init__(
        self,
        probes: dict[str, Probe],
        duties: Sequence[tuple[Duty, float]],
        load: Callable[[], tuple[int, int]],
        notes: Sequence[Callable[[], Part]] = (),
    ) -> None:
        """`duties` come with the seconds after which they are late; `load` is (active, capacity).

        `notes` are parts that know how they are without being probed.
        """
        self._notes = notes
        self._probes = probes
        self._duties = duties
        self._load = load

    async def health(self) -> Health:
        """Probe everything now, side by side."""
        parts = list(await asyncio.gather(*(self._probe(*item) for item in self._probes.items())))
        parts += [_duty(duty, late_s) for duty, late_s in self._duties]
        parts += [note() for note in self._notes]
        active, capacity = self._load()
        if capacity:
            room = active < capacity
            parts.append(Part(name="capacity", ok=room, detail=f"{active} of {capacity} runs"))
        ready = all(part.ok for part in parts if part.critical)
        return Health(ready=ready, parts=tuple(parts), active=active, capacity=capacity)

    async def _probe(self, name: str, probe: Probe) -> Part:
        try:
            async with asyncio.timeout(_PROBE_S):
                detail = await probe()
        except TimeoutError:
            return Part(name=name, ok=False, detail=f"no answer within {_PROBE_S:g} s")
        except FolkmootError as fault:
            return Part(name=name, ok=False, detail=fault.message)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the part is not well
            return Part(name=name, ok=False, detail=type(fault).__name__)
        return Part(name=name, ok=True, detail=detail)


def _duty(duty: Duty, late_s: float) -> Part:
    if duty.late(late_s):
        return Part(name=duty.name, ok=False, detail=duty.fault or f"no round for {late_s:g} s")
    return Part(name=duty.name, ok=True, detail=duty.fault)
