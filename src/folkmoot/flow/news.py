"""News: who waits here for runs of other processes hears of them through the broker.

A few who wait listen to their own runs; where there are many, one subscription to all runs' states
serves them, and stays for a while. It remembers what it has heard, so that a run which was born while
it was in force needs no look into the store before it is waited for. All of it is a hint: whoever waits
looks into the store now and then.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from folkmoot.core.events import Event
from folkmoot.core.run import FINAL, RunState
from folkmoot.ports.broker import Broker

_FEW = 8
_LINGER_S = 10.0
_REMEMBERED = 20_000
_TELLING = frozenset(b'{"state":"%b"}' % state.encode() for state in {*FINAL, RunState.WAITING})
"""What a waiter wants to hear: the run has ended, or waits for somebody."""

_Runs = OrderedDict[str, None]


class Ear(Protocol):
    """What hears of one run."""

    nothing_yet: bool
    """Whether all news of the run since its birth would be here, and there is none."""

    async def hear(self, at_most_s: float) -> None:
        """Return when there is a reason to look at the run, or the time is over."""
        ...


class _Alone:
    """An ear with a subscription of its own."""

    nothing_yet = False

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events

    async def hear(self, at_most_s: float) -> None:
        with suppress(TimeoutError, StopAsyncIteration):
            await asyncio.wait_for(anext(self._events), at_most_s)


class _Shared:
    """An ear that is told by the common subscription while its context is entered."""

    def __init__(self, news: "News", run: str) -> None:
        self.nothing_yet = False
        self._news = news
        self._run = run
        self._told = False
        self._waiting: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Ear:
        self.nothing_yet = self._news.enter(self._run, self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._news.leave(self._run, self)

    def tell(self) -> None:
        self._told = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def hear(self, at_most_s: float) -> None:
        if not self._told:
            loop = asyncio.get_running_loop()
            self._waiting = loop.create_future()
            timer = loop.call_later(at_most_s, self._wake)
            try:
                await self._waiting
            finally:
                timer.cancel()
        self._told = False


class News:
    """States of runs, as the broker tells them."""

    def __init__(self, broker: Broker) -> None:
        """Nobody listens yet."""
        self._broker = broker
        self._ears: dict[str, set[_Shared]] = {}
        self._few = 0
        self._heard: _Runs = OrderedDict()
        self._fresh: _Runs = OrderedDict()
        self._listening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @property
    def in_force(self) -> bool:
        """Whether all runs' states are heard now."""
        return self._ready.is_set()

    def born(self, run: str) -> None:
        """A run was born here, and all runs' states were heard before that."""
        if self.in_force:
            _remember(self._fresh, run)

    def of(self, run: str) -> AbstractAsyncContextManager[Ear]:
        """Hear of a run from the moment the context is entered."""
        return _Shared(self, run) if self.in_force else self._first(run)

    @asynccontextmanager
    async def _first(self, run: str) -> AsyncIterator[Ear]:
        """Hear of a run where there is no common subscription yet, alone or by making one."""
        if self._few < _FEW:
            self._few += 1
            try:
                async with self._broker.listen(f"run.{run}.state") as events:
                    yield _Alone(events)
            finally:
                self._few -= 1
            return
        await self._listen()
        async with _Shared(self, run) as ear:
            yield ear

    def enter(self, run: str, ear: _Shared) -> bool:
        """Tell an ear from now on; return whether there is no news of the run yet."""
        nothing_yet = self._fresh.pop(run, run) is None and run not in self._heard
        self._heard.pop(run, None)
        self._ears.setdefault(run, set()).add(ear)
        return nothing_yet

    def leave(self, run: str, ear: _Shared) -> None:
        """Tell an ear no more."""
        left = self._ears[run]
        left.discard(ear)
        if not left:
            del self._ears[run]
        if not self._ears:
            asyncio.get_running_loop().call_later(_LINGER_S, self._rest)

    async def _listen(self) -> None:
        """See that the common subscription is in force."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._work(), name="folkmoot-news")
        if not self._ready.is_set():
            ready = asyncio.ensure_future(self._ready.wait())
            await asyncio.wait({ready, self._listening}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()

    def _rest(self) -> None:
        if not self._ears and self._listening is not None:
            self._listening.cancel()

    async def _work(self) -> None:
        try:
            async with self._broker.listen("run.*.state") as events:
                self._ready.set()
                async for event in events:
                    if event.body in _TELLING:
                        self._tell(event.topic.split(".")[1])
        finally:
            self._listening = None
            self._ready.clear()
            self._heard.clear()
            self._fresh.clear()

    def _tell(self, run: str) -> None:
        ears = self._ears.get(run)
        if ears is None:
            _remember(self._heard, run)
            return
        for ear in ears:
            ear.tell()


def _remember(runs: _Runs, run: str) -> None:
    runs[run] = None
    if len(runs) > _REMEMBERED:
        runs.popitem(last=False)
