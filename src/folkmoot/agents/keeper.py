"""The keeper: keeps the catalog up to date while a system runs.

It looks when a source hints that something changed, when something is due, when somebody says so
(`reload`: a signal, a webhook), and when another process of the fleet was told (an event, which may
be lost: then what is due is found later). One round at a time; a round that fails is told, and the
catalog stays as it is.

Life: start (idempotent) → rounds → stop (idempotent; a round under way is given up: it has no effect
before its end).
"""

import asyncio
from collections.abc import Callable

import msgspec

from folkmoot.agents.catalog import Agents, News
from folkmoot.agents.source import Source, Want
from folkmoot.core.events import Event
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock

TOPIC = "agents.reload"
_SOONEST_S = 0.5
_LATEST_S = 3600.0

Told = Callable[[News], None]
Report = Callable[[str, str, BaseException | None], None]


class _Reload(msgspec.Struct, frozen=True):
    """What travels: which agent (empty for all), and who was told first."""

    agent: str
    by: str


class Keeper:
    """Has a catalog read again and again."""

    def __init__(
        self, catalog: Agents, clock: Clock, broker: Broker, me: str, *, told: Told, report: Report
    ) -> None:
        """`me` names this process among those that share the broker. Nothing is started."""
        self._catalog, self._clock, self._broker, self._me = catalog, clock, broker, me
        self._told, self._report = told, report
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._watched: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Begin, and tell what is wrong already."""
        if not self._tasks:
            self._told(News(fresh=self._catalog.mistakes, failed=self._catalog.faults))
            lives = {"agents": self._rounds(), "agents-told": self._hear()}
            self._tasks = [asyncio.create_task(life, name=name) for name, life in lives.items()]

    async def stop(self) -> None:
        """End."""
        tasks = [*self._tasks, *self._watched.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watched.clear()

    async def reload(self, agent: str = "", *, pass_on: bool = True) -> News:
        """Read everything (or one agent's file) now; `pass_on` tells the fleet to do the same."""
        if pass_on:
            await self._broker.publish(Event(TOPIC, msgspec.json.encode(_Reload(agent, self._me))))
        return await self._round(Want(now=not agent, agent=agent))

    async def _round(self, want: Want) -> News:
        news = await self._catalog.refresh(want)
        self._told(news)
        return news

    async def _rounds(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._round(Want())
            except Exception as fault:  # noqa: BLE001 - reported; the next round comes
                self._report("agents_round_broke", "", fault)
            self._watch()
            await self._pause()

    async def _pause(self) -> None:
        pauses = [source.due_in() for source in self._catalog.sources]
        pause = min(max(min(pauses, default=_LATEST_S), _SOONEST_S), _LATEST_S)
        sleeping = asyncio.ensure_future(self._clock.sleep(pause))
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
            await asyncio.gather(sleeping, waking, return_exceptions=True)

    def _watch(self) -> None:
        """Listen to the hints of the sources that there are now."""
        sources = {source.shown: source for source in self._catalog.sources}
        for shown in self._watched.keys() - sources.keys():
            self._watched.pop(shown).cancel()
        for shown in sources.keys() - self._watched.keys():
            self._watched[shown] = asyncio.create_task(self._hints(sources[shown]))

    async def _hints(self, source: Source) -> None:
        try:
            async for _ in source.hints():
                self._wake.set()
        except Exception as fault:  # noqa: BLE001 - without hints the rounds find what changes
            self._report("agents_hints_broke", "", fault)

    async def _hear(self) -> None:
        async with self._broker.listen(TOPIC) as events:
            async for event in events:
                try:
                    told = msgspec.json.decode(event.body, type=_Reload)
                    if told.by != self._me:
                        await self.reload(told.agent, pass_on=False)
                except Exception as fault:  # noqa: BLE001 - reported; the next event comes
                    self._report("agents_reload_broke", "", fault)
