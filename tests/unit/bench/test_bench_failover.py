from types import SimpleNamespace

from bench import failover

from folkmoot.testing.fleet.check import Flaw, Found
from folkmoot.testing.fleet.witness import Line


def part(name="workers", delays=(6.0, 7.0), flaws=(), longest_s=7.5):
    found = Found(flaws=list(flaws), runs=10, entries=100, again=1, moved=2, in_doubt=3)
    return failover.Part(name, 2, list(delays), longest_s, found)


def bars(*parts):
    every = [delay for each in parts for delay in each.delays]
    return [bar.kept for bar in failover.bars(list(parts), every)]


def wrote(run, seq, at, kind="tool.returned"):
    return Line(what="entry", run=run, seq=seq, at=at, kind=kind)


def test_the_last_line_has_the_names_that_others_rely_on():
    flaws = [Flaw("lost", "r", ""), Flaw("broken", "r", ""), Flaw("doubled", "r", "")]
    found = failover.figures([part(), part("ups", (8.0,), flaws)], [6.0, 7.0, 8.0])
    assert {"kills", "p50_s", "p99_s", "lost", "repeated", "doubled"} <= set(found)
    assert (found["kills"], found["p50_s"], found["p99_s"]) == (4, 7.0, 8.0)
    assert (found["lost"], found["repeated"], found["doubled"]) == (2, 0, 1)
    assert failover.Failover(name="", ours=found, columns=(), rows=()).line() == found


def test_the_bars_are_missed_by_one_slow_run_one_long_stand_one_flaw():
    assert bars(part()) == [True, True, True]
    assert bars(part(delays=(6.0, 10.5))) == [False, True, True]
    assert bars(part(longest_s=10.5)) == [True, False, True]
    assert bars(part(flaws=[Flaw("repeated", "r", "again")])) == [True, True, False]


def test_a_run_that_never_went_on_counts_as_for_ever():
    assert bars(part(delays=(6.0, float("inf")))) == [False, True, True]
    assert failover.figures([part()], [6.0, float("inf")])["max_s"] is None


def test_the_longest_stand_is_the_longest_between_two_entries_of_one_run():
    lines = [
        wrote("r1", 1, 1000),
        wrote("r2", 1, 1500),
        wrote("r1", 2, 3000),
        wrote("r2", 2, 1600),
        wrote("r3", 1, 0),
        wrote("r3", 2, 100, "gate.asked"),
        wrote("r3", 3, 9000),
    ]
    moot = SimpleNamespace(witness=SimpleNamespace(read=lambda: lines))
    assert failover.longest(moot) == 2.0
