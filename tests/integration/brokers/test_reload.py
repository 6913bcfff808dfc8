"""A reload told to one process reaches the others through a real broker."""

import asyncio

import pytest

from folkmoot.agents.catalog import Agents, News
from folkmoot.agents.keeper import Keeper
from folkmoot.clocks.system import SystemClock

pytestmark = pytest.mark.server
PATIENCE_S = 20


class Counting:
    """A source of nothing, which tells when it was asked for what."""

    shown = "nothing"

    def __init__(self):
        self.wants = asyncio.Queue()

    def first(self):
        return ()

    async def read(self, want):
        self.wants.put_nowait(want)
        return ()

    def due_in(self):
        return 3600.0

    async def hints(self):
        await asyncio.Event().wait()
        yield None


class Process:
    """One of the fleet."""

    def __init__(self, connect, url, me):
        self.source, self.broker = Counting(), connect(url)
        self.told: list[News] = []
        self.keeper = Keeper(
            Agents([self.source]),
            SystemClock(),
            self.broker,
            me,
            told=self.told.append,
            report=lambda *_: None,
        )

    async def __aenter__(self):
        await self.broker.open()
        await self.keeper.start()
        await self.source.wants.get()
        return self

    async def __aexit__(self, *_):
        await self.keeper.stop()
        await self.broker.close()


async def test_the_word_passes_and_does_not_come_back(any_url, make):
    async with Process(make, any_url, "one") as one, Process(make, any_url, "two") as two:
        async with asyncio.timeout(PATIENCE_S):
            while two.source.wants.empty():  # until the other one listens
                await one.keeper.reload("reader")
                await asyncio.sleep(0.05)
        assert (await two.source.wants.get()).agent == "reader"
        asked = [one.source.wants.get_nowait() for _ in range(one.source.wants.qsize())]
        assert len(asked) == one.told.count(News()) - 2, "who tells is not told"
