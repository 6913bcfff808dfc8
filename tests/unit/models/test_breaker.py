from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from folkmoot.core import breaker as b
from folkmoot.core.breaker import CLEAR, Breaker, State

NOW = 1_764_000_000_000


def tripped(times: int = 1) -> Breaker:
    value, now = CLEAR, NOW
    for _ in range(b.THRESHOLD):
        value = b.fail(value, now)
    for _ in range(times - 1):
        now = value.until
        probing = b.admit(value, now)
        assert probing is not None
        value = b.fail(probing, now)
    return value


def test_four_failures_leave_it_closed_and_the_fifth_opens_it_for_a_minute():
    value = CLEAR
    for _ in range(4):
        value = b.fail(value, NOW)
    assert b.state(value, NOW) is State.CLOSED
    value = b.fail(value, NOW)
    assert b.state(value, NOW) is State.OPEN
    assert value.until == NOW + 60_000
    assert b.wait(value, NOW) == 60_000


def test_a_success_between_failures_starts_the_count_again():
    value = CLEAR
    for _ in range(20):
        for _ in range(4):
            value = b.fail(value, NOW)
        value = b.succeed(value, NOW)
    assert value == CLEAR


def test_open_lets_nothing_through_until_its_time_is_over():
    value = tripped()
    assert b.admit(value, value.until - 1) is None
    assert b.admit(value, value.until) is not None


def test_half_open_lets_one_probe_through_and_holds_the_rest():
    value = tripped()
    probing = b.admit(value, value.until)
    assert probing is not None
    assert b.admit(probing, value.until + 1) is None
    assert b.wait(probing, value.until + 1) == 59_999


def test_a_probe_that_succeeds_closes_and_one_that_fails_doubles_the_time():
    value = tripped()
    probing = b.admit(value, value.until)
    assert probing is not None
    assert b.succeed(probing, value.until) == CLEAR
    again = b.fail(probing, value.until)
    assert again.until == value.until + 120_000


def test_a_released_probe_makes_room_for_another_at_once():
    value = tripped()
    probing = b.admit(value, value.until)
    assert probing is not None
    assert b.admit(b.release(probing), value.until) is not None


def test_a_lost_probe_does_not_hold_the_provider_off_for_ever():
    value = tripped()
    probing = b.admit(value, value.until)
    assert probing is not None
    assert b.admit(probing, value.until + 60_000) is not None


def test_late_outcomes_of_older_calls_do_not_move_an_open_breaker():
    value = tripped()
    assert b.fail(value, NOW + 1) == value
    assert b.succeed(value, NOW + 1) == value


def test_a_late_failure_without_a_probe_does_not_open_a_half_open_breaker_again():
    value = tripped()
    assert b.fail(value, value.until) == value


def test_it_is_never_open_for_more_than_an_hour():
    assert [b.length(n) for n in range(1, 9)] == [
        60_000, 120_000, 240_000, 480_000, 960_000, 1_920_000, 3_600_000, 3_600_000,
    ]  # fmt: skip


@given(st.integers(min_value=-5, max_value=10**9))
def test_any_number_of_openings_gives_a_length_between_a_minute_and_an_hour(trips: int):
    assert b.FIRST_MS <= b.length(trips) <= b.LONGEST_MS


@given(st.integers(min_value=1, max_value=12))
def test_clearing_by_hand_closes_however_often_it_has_opened(times: int):
    value = tripped(times)
    assert b.state(value, value.until - 1) is State.OPEN
    assert b.admit(CLEAR, value.until - 1) == CLEAR


class Fleet(RuleBasedStateMachine):
    """Many callers share one breaker; what they see must hold whatever they report, and when."""

    def __init__(self):
        super().__init__()
        self.value, self.now, self.probes, self.row = CLEAR, NOW, 0, 0

    @rule(ms=st.integers(min_value=0, max_value=4_000_000))
    def time_passes(self, ms: int):
        self.now += ms

    @rule()
    def call(self):
        before = b.state(self.value, self.now)
        after = b.admit(self.value, self.now)
        if before is State.OPEN:
            assert after is None
        elif before is State.CLOSED:
            assert after is self.value
        elif after is not None:
            assert b.admit(after, self.now) is None
            self.value = after

    @rule()
    def report_failure(self):
        before, self.value = self.value, b.fail(self.value, self.now)
        if b.state(before, self.now) is State.CLOSED:
            self.row += 1
            assert (b.state(self.value, self.now) is State.OPEN) == (self.row >= b.THRESHOLD)
        assert self.value.trips in {before.trips, before.trips + 1}

    @precondition(lambda self: b.state(self.value, self.now) is not State.OPEN)
    @rule()
    def report_success(self):
        self.value, self.row = b.succeed(self.value, self.now), 0
        assert self.value == CLEAR

    @invariant()
    def waiting_that_long_is_enough(self):
        ready = self.now + b.wait(self.value, self.now)
        assert b.admit(self.value, ready) is not None
        if ready > self.now:
            assert b.admit(self.value, ready - 1) is None

    @invariant()
    def it_never_waits_longer_than_an_hour(self):
        assert 0 <= b.wait(self.value, self.now) <= b.LONGEST_MS


TestFleet = Fleet.TestCase
TestFleet.settings = settings(max_examples=40, deadline=None)
