import pytest

from folkmoot.app import App
from folkmoot.clocks.agreed import AgreedClock
from folkmoot.clocks.system import SystemClock
from folkmoot.config import load
from folkmoot.core.errors import StoreFault
from folkmoot.testing.clock import FakeClock

HOUR_MS = 3_600_000


class Server:
    """A store's clock, an hour ahead of ours; an answer takes `takes_s`."""

    def __init__(self, own):
        self.own, self.ahead_ms, self.takes_s, self.away = own, HOUR_MS, 0.0, False

    async def now(self):
        self.own.advance(self.takes_s / 2)
        told = self.own.now() + self.ahead_ms
        self.own.advance(self.takes_s / 2)
        if self.away:
            raise StoreFault("away")
        return told


@pytest.fixture
def own():
    return FakeClock()


@pytest.fixture
def server(own):
    return Server(own)


@pytest.fixture
def clock(own, server):
    return AgreedClock(own, server.now)


async def test_before_the_first_look_the_time_is_our_own(clock, own):
    assert clock.now() == own.now()


async def test_after_it_the_time_is_the_stores_and_goes_on(clock, own):
    await clock.look()
    assert clock.now() == own.now() + HOUR_MS
    own.advance(2.5)
    assert clock.now() == own.now() + HOUR_MS


async def test_half_of_the_way_there_and_back_is_counted(clock, own, server):
    server.takes_s = 0.4
    await clock.look()
    assert clock.now() == own.now() + HOUR_MS


async def test_a_step_of_our_wall_clock_changes_nothing(clock, own):
    await clock.look()
    before = clock.now()
    own._start_ms -= HOUR_MS
    assert clock.now() == before


async def test_a_step_of_the_stores_clock_is_followed_with_the_next_look(clock, own, server):
    await clock.look()
    server.ahead_ms = -HOUR_MS
    await clock.look()
    assert clock.now() == own.now() - HOUR_MS


async def test_a_slow_look_does_not_take_the_place_of_a_quick_one(clock, own, server):
    server.takes_s = 0.01
    await clock.look()
    server.takes_s, server.ahead_ms = 1.0, HOUR_MS + 300  # as if its answer came late
    await clock.look()
    assert clock.now() == own.now() + HOUR_MS


async def test_a_quick_look_takes_the_place_of_a_slow_one(clock, own, server):
    server.takes_s, server.ahead_ms = 1.0, HOUR_MS + 300
    await clock.look()
    server.takes_s, server.ahead_ms = 0.01, HOUR_MS
    await clock.look()
    assert clock.now() == own.now() + HOUR_MS


async def test_the_best_look_gets_worse_with_time(clock, own, server):
    server.takes_s = 0.01
    await clock.look()
    own.advance(1000)
    server.takes_s, server.ahead_ms = 0.1, HOUR_MS + 40
    await clock.look()
    assert clock.now() == own.now() + HOUR_MS + 40


async def test_an_answer_at_the_end_of_an_outage_moves_nothing(clock, own, server):
    """A store that comes back tells the time of its return: the last moment of a long question."""
    server.takes_s = 0.001
    await clock.look()
    server.takes_s, server.ahead_ms = 1.6, HOUR_MS + 800 + 1  # and it tells whole milliseconds
    await clock.look()
    assert abs(clock.now() - (own.now() + HOUR_MS)) <= 2


async def test_a_slow_look_that_contradicts_moves_as_far_as_it_must(clock, own, server):
    await clock.look()
    server.takes_s, server.ahead_ms = 1.0, HOUR_MS + 60_000
    await clock.look()
    assert clock.now() == pytest.approx(own.now() + HOUR_MS + 59_500, abs=2)
    server.takes_s = 0.0
    await clock.look()
    assert clock.now() == own.now() + HOUR_MS + 60_000


async def test_while_the_store_is_away_the_time_runs_on(clock, own, server):
    await clock.look()
    server.away = True
    with pytest.raises(StoreFault):
        await clock.look()
    own.advance(5)
    assert clock.now() == own.now() + HOUR_MS


async def test_sleep_and_randomness_are_our_own(clock, own):
    assert clock.monotonic() == own.monotonic()
    assert (clock.sleep, clock.entropy) == (own.sleep, own.entropy)


@pytest.mark.parametrize(
    ("store", "kind"),
    [("postgresql://nobody@127.0.0.1/none", AgreedClock), ("memory://", SystemClock)],
)
def test_all_go_by_the_stores_clock_where_it_is_another_machines(tmp_path, store, kind):
    app = App(load(store=store, agents=tmp_path), env={})
    assert type(app.parts().clock) is kind
