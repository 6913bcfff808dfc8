"""The mirror: an observer that notes, and one task that writes what was noted into Redis.

Life: start → rounds → stop (writes what waits once more, within PATIENCE_S, and lets go). A round comes
at most every _PAUSE_S seconds and only when there is something to write. While Redis is away nothing is
sent and nobody waits: notes go on within their bounds (gathering.py), and the newest are written when it
is back. Authority: none. Many workers write about the same agent; the last word counts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from folkmoot.core.entries import Body, Entry
from folkmoot.core.errors import FolkmootError
from folkmoot.core.run import Run
from folkmoot.ports.clock import Clock
from folkmoot.telemetry.hotstate.commands import Command, of_agent, of_packet, of_run
from folkmoot.telemetry.hotstate.gathering import About, Gathering
from folkmoot.telemetry.hotstate.keys import Keys

_PAUSE_S = 0.25
_AWAY_S = 1.0
_STORE_S = 2.0
_PACKETS = 20
_KNOWN = 1_000


class Target(Protocol):
    """Where commands go (server.py, or a test's)."""

    up: bool

    async def reached(self) -> bool:
        """Whether it answers now."""
        ...

    async def send(self, commands: list[Command]) -> bool:
        """Send commands; False when not all arrived."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


class Mirror:
    """Shows live state."""

    def __init__(
        self,
        target: Target,
        keys: Keys,
        clock: Clock,
        packet: Callable[[Run], Awaitable[dict[str, Any] | None]],
        report: Callable[[str, str, BaseException | None], None],
        *,
        gathering: Gathering | None = None,
    ) -> None:
        """`packet` says what a run was asked. Nothing is started."""
        self._target = target
        self._keys = keys
        self._clock = clock
        self._packet = packet
        self._report = report
        self._gathering = Gathering() if gathering is None else gathering
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._packets: dict[str, str] = {}

    @property
    def up(self) -> bool:
        """Whether Redis took what was written last."""
        return self._target.up

    @property
    def dropped(self) -> int:
        """Entries that were passed over, because too much was new at once."""
        return self._gathering.dropped

    def __call__(self, run: Run, entry: Entry, body: Body) -> None:
        """Note one entry."""
        self._gathering.see(run, entry, body)
        self._something.set()

    async def start(self) -> None:
        """Begin to write. Idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self._live(), name="folkmoot-hotstate")

    async def stop(self) -> None:
        """Write once more, and let go. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with suppress(Exception):  # the log has what is wrong with Redis
            if self._gathering and self.up:
                await self.once()
        await self._target.close()

    async def reached(self) -> bool:
        """Whether Redis answers; for one that was not started."""
        up = await self._target.reached()
        await self._target.close()
        return up

    async def _live(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            try:
                await self.once()
            except Exception as fault:  # noqa: BLE001 - reported; the next round comes
                self._report("hotstate_broke", "", fault)
            if self._gathering:
                self._something.set()
            await self._clock.sleep(_PAUSE_S if self.up else _AWAY_S)

    async def once(self) -> None:
        """Write what waits; when Redis is away, it waits on."""
        if not self.up and not await self._target.reached():
            return
        runs, agents = self._gathering.take()
        commands = [command for note in runs for command in of_run(note, self._keys)]
        commands += [command for about in agents for command in of_agent(about, self._keys)]
        done = False
        try:
            done = await self._target.send(commands) and await self._write_packets(agents)
        finally:
            if not done:
                self._gathering.back(runs, agents)

    async def _write_packets(self, agents: list[About]) -> bool:
        """Write what the agents were asked, where that is another task than before."""
        commands: list[Command] = []
        new: dict[str, str] = {}
        for about in agents:
            run = about.note.run if about.note else None
            if run is None or self._packets.get(about.name) == run.id:
                continue
            if len(new) >= _PACKETS:
                self._gathering.back([], [about])  # its turn comes in the next round
                continue
            if packet := await self._read(run):
                commands.append(of_packet(about.name, packet, self._keys))
            new[about.name] = run.id
        if not await self._target.send(commands):
            return False
        self._packets |= new
        while len(self._packets) > _KNOWN:
            del self._packets[next(iter(self._packets))]
        return True

    async def _read(self, run: Run) -> dict[str, Any] | None:
        with suppress(FolkmootError, TimeoutError):  # the store is away: that is told elsewhere
            async with asyncio.timeout(_STORE_S):
                return await self._packet(run)
        return None
