import asyncio

import pytest

from folkmoot.core import changes as c
from folkmoot.core.errors import StoreClosed
from folkmoot.ports.desk import Part
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.testing.clock import FakeClock
from folkmoot.testing.contracts.store.samples import NOW, birth, take
from folkmoot.upkeep.fleet import LEASE, Bounds, Fleet
from folkmoot.upkeep.health import Prober


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
async def store(clock):
    store = MemoryStore(clock)
    await store.open()
    return store


@pytest.fixture
def fleet(store, clock):
    return Fleet(store, clock, "me", Bounds(stuck_s=900, wait_s=300, queue=10))


@pytest.fixture
def parts(fleet):
    async def parts():
        return {part.name: part for part in await fleet.parts()}

    return parts


def beat(worker, ttl_s=10):
    return c.Beat(worker=worker, ttl_ms=ttl_s * 1000)


async def test_a_fleet_that_does_its_work_is_well(store, parts):
    await store.write(beat("w1"))
    found = await parts()
    assert {name: part.ok for name, part in found.items()} == {
        "workers": True,
        "stuck": True,
        "queue": True,
    }
    assert not any(part.critical for part in found.values())


async def test_a_worker_that_fell_silent_is_named_for_a_while(store, clock, parts):
    await store.write(beat("w1", 5000), beat("w2"))
    clock.advance(20)
    found = (await parts())["workers"]
    assert (found.ok, "w2 (for 20 s, 0 runs)" in found.detail) == (False, True)
    clock.advance(300)
    found = (await parts())["workers"]
    assert (found.ok, "1 silent" in found.detail) == (True, True)
    clock.advance(3600)
    assert "silent" not in (await parts())["workers"].detail


async def test_a_silent_worker_that_still_holds_runs_stays_news(store, clock, parts):
    await store.write(beat("w1", 50_000), beat("w2"), birth("r1"))
    await take(store, "r1", "w2")
    clock.advance(1000)
    assert not (await parts())["workers"].ok


async def test_without_workers_it_says_how_to_start_one(parts):
    found = (await parts())["workers"]
    assert (found.ok, "folkmoot worker" in found.detail) == (False, True)


async def test_a_run_without_a_word_is_named(store, clock, parts):
    await store.write(beat("w1", 50_000), *(birth(f"r{n}") for n in range(5)))
    for n in range(5):
        await take(store, f"r{n}", "w1")
    clock.advance(900)
    assert (await parts())["stuck"].ok
    clock.advance(1)
    found = (await parts())["stuck"]
    assert not found.ok
    assert found.detail.startswith("r0, r1, r2 and 2 more: ")


async def test_a_line_that_waits_too_long_or_is_too_long_is_told(store, clock, parts):
    await store.write(birth("r1", priority="high"))
    clock.advance(300)
    found = (await parts())["queue"]
    assert (found.ok, found.detail) == (True, "1 high, the first for 300 s")
    clock.advance(1)
    assert not (await parts())["queue"].ok
    await take(store, "r1")
    assert (await parts())["queue"].detail.startswith("empty")
    await store.write(*(birth(f"s{n}", updated_at=clock.now()) for n in range(8)))
    assert not (await parts())["queue"].ok


async def test_growth_is_told_once_a_minute_has_passed(store, clock, parts):
    await parts()
    await store.write(*(birth(f"s{n}") for n in range(3)))
    assert "+3" not in (await parts())["queue"].detail
    clock.advance(60)
    assert "(+3 in 60 s)" in (await parts())["queue"].detail
    assert "(+3 in 60 s)" in (await parts())["queue"].detail


async def test_a_lost_leader_is_told_and_none_is_missed_where_there_never_was_one(
    store, clock, parts
):
    assert "leadership" not in await parts()
    await store.write(c.Acquire(name=LEASE, holder="other", ttl_ms=5000))
    found = (await parts())["leadership"]
    assert (found.ok, found.detail) == (True, "other leads (term 1)")
    clock.advance(6)
    found = (await parts())["leadership"]
    assert (found.ok, "nobody leads" in found.detail) == (False, True)
    await store.write(c.Acquire(name=LEASE, holder="me", ttl_ms=5000))
    assert (await parts())["leadership"].detail == "this process leads (term 2)"


async def well():
    return "fine"


async def closed():
    raise StoreClosed


async def broken():
    raise RuntimeError


async def silent():
    await asyncio.Event().wait()


async def cut_off():
    raise asyncio.CancelledError


async def test_what_does_not_answer_is_named_and_why(monkeypatch):
    monkeypatch.setattr("folkmoot.upkeep.health.PROBE_S", 0.001)
    probes = {"a": well, "b": closed, "c": broken, "d": silent, "e": cut_off}

    async def more():
        return [Part(name="extra", ok=True, critical=False)]

    prober = Prober(probes, [], lambda: (0, 0), (), {"m": more, "n": closed})
    health = await prober.health()
    assert not health.ready
    assert [part.name for part in health.parts if not part.ok] == ["b", "c", "d", "e", "n"]
    assert health.parts[3].detail == "no answer within 0.001 s"


async def test_what_is_not_critical_only_shows():
    health = await Prober({"a": well}, [], lambda: (0, 0), (), {"n": broken}).health()
    assert health.ready
    assert [part.name for part in health.parts if not part.ok] == ["n"]


@pytest.mark.parametrize(("active", "ready"), [(1, True), (2, False)])
async def test_at_capacity_nothing_more_fits(active, ready):
    health = await Prober({}, [], lambda: (active, 2)).health()
    assert (health.ready, health.parts[0].name) == (ready, "capacity")
