"""The keeper looks when a hint comes, when something is due, and when it is told."""

import asyncio

import pytest

from folkmoot.agents.catalog import Agents, News
from folkmoot.agents.directory import Directory
from folkmoot.agents.keeper import Keeper
from folkmoot.agents.load import Ground, Loaded
from folkmoot.agents.source import Want
from folkmoot.brokers.local import LocalBroker
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.errors import SourceFault
from folkmoot.testing.clock import FakeClock


def agent(name, instructions="Work."):
    choice = ModelChoice(provider="keywords", name="a")
    return Agent(name=name, instructions=instructions, model=choice)


class Memory:
    """A source in memory: what it holds is set by the test, and so is whether it answers."""

    def __init__(self, *agents, shown="memory"):
        self.shown, self.agents, self.fault = shown, list(agents), None
        self.wants, self.hinted = [], asyncio.Queue()

    def first(self):
        return self._all()

    async def read(self, want):
        self.wants.append(want)
        if self.fault is not None:
            raise self.fault
        return self._all()

    def due_in(self):
        return 300.0

    async def hints(self):
        while True:
            yield await self.hinted.get()

    def _all(self):
        return tuple(
            Loaded(name=a.name, file=f"{self.shown}/{a.name}", agent=a) for a in self.agents
        )


class Bench:
    """A keeper over a source, and what it told."""

    def __init__(self, source, broker, clock, me="one"):
        self.source, self.clock = source, clock
        self.catalog, self.reports = Agents([source]), []
        self.news: asyncio.Queue[News] = asyncio.Queue()
        self.keeper = Keeper(
            self.catalog,
            clock,
            broker,
            me,
            told=self.news.put_nowait,
            report=lambda *told: self.reports.append(told),
        )


@pytest.fixture
async def broker():
    local = LocalBroker()
    await local.open()
    yield local
    await local.close()


@pytest.fixture
async def bench(broker):
    made = Bench(Memory(agent("alpha")), broker, FakeClock())
    await made.keeper.start()
    await made.keeper.start()
    assert await made.news.get() == News(), "nothing was wrong from the beginning"
    await made.news.get()
    yield made
    await made.keeper.stop()
    await made.keeper.stop()


async def test_a_hint_is_followed_at_once(bench):
    bench.source.agents.append(agent("beta"))
    bench.source.hinted.put_nowait(None)
    assert (await bench.news.get()).came == ("beta",)


async def test_without_hints_the_source_is_read_when_it_is_due(bench):
    await bench.clock.asleep()
    bench.source.agents.append(agent("beta"))
    bench.clock.advance(299)
    assert bench.news.empty()
    bench.clock.advance(1)
    assert (await bench.news.get()).came == ("beta",)


async def test_where_nothing_can_be_watched_the_rounds_find_what_changes(
    broker, tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise OSError("no space left for watches")

    monkeypatch.setattr("watchfiles.awatch", refuse)
    text = "name: {}\ninstructions: Work.\nmodel: keywords:a\n"
    (tmp_path / "a.yaml").write_text(text.format("alpha"))
    bench = Bench(Directory(tmp_path, Ground(workspaces=tmp_path)), broker, FakeClock())
    await bench.keeper.start()
    assert [await bench.news.get() for _ in range(2)] == [News(), News()]
    await bench.clock.asleep()
    (tmp_path / "b.yaml").write_text(text.format("beta"))
    bench.clock.advance(5)
    assert (await bench.news.get()).came == ("beta",)
    assert bench.reports == []
    await bench.keeper.stop()


async def test_an_outage_keeps_the_agents_and_is_told_once(bench):
    bench.source.fault = SourceFault("Down.")
    bench.source.hinted.put_nowait(None)
    assert [fault.message for fault in (await bench.news.get()).failed] == ["Down."]
    bench.source.hinted.put_nowait(None)
    assert await bench.news.get() == News()
    assert bench.catalog.names() == ["alpha"]
    bench.source.fault = None
    bench.source.hinted.put_nowait(None)
    assert (await bench.news.get()).back == ("memory",)


async def test_a_defect_in_a_source_ends_no_keeper(bench):
    bench.source.fault = ZeroDivisionError("Oops.")
    bench.source.hinted.put_nowait(None)
    await bench.clock.asleep()
    while not bench.reports:  # noqa: ASYNC110 - a turn of the loop
        await asyncio.sleep(0)
    assert bench.reports[0][0] == "agents_round_broke"
    bench.source.fault = None
    bench.source.agents.append(agent("beta"))
    bench.source.hinted.put_nowait(None)
    assert (await bench.news.get()).came == ("beta",)


async def test_who_is_told_to_reload_tells_the_fleet(bench, broker):
    other = Bench(Memory(agent("alpha")), broker, FakeClock(), "two")
    await other.keeper.start()
    await other.news.get()
    await other.news.get()
    while not broker.heard("agents.reload"):  # noqa: ASYNC110 - until both listen
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    other.source.agents.append(agent("beta"))
    await bench.keeper.reload("beta")
    assert bench.source.wants[-1] == Want(agent="beta")
    assert (await other.news.get()).came == ("beta",)
    assert other.source.wants[-1] == Want(agent="beta")
    await other.keeper.stop()
    assert len([want for want in bench.source.wants if want.agent]) == 1, "not told by itself"


async def test_what_is_wrong_from_the_beginning_is_told(broker):
    source = Memory(agent("alpha"))
    source.fault = SourceFault("Down.")
    bench = Bench(source, broker, FakeClock())
    await bench.catalog.refresh()
    await bench.keeper.start()
    assert [fault.message for fault in (await bench.news.get()).failed] == ["Down."]
    await bench.keeper.stop()
