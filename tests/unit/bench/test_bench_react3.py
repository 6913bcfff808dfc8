import json
from io import StringIO
from pathlib import Path

import pytest
from bench import child, react3, report
from rich.console import Console

HERE = Path("python")
SIDES = [react3.Side(name, "", HERE, 1) for name in ("folkmoot", "langgraph", "dbos")]


def figures(speed: float) -> dict[str, float]:
    return {
        "runs_per_s": speed,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "cpu_ms_per_run": 0.1,
        "rss_mb": 50.0,
    }


class Stopwatch:
    """Sides whose speed is known; one of them breaks in its second round."""

    def __init__(self, breaks: str = "") -> None:
        self.breaks = breaks
        self.turns: list[str] = []

    def __call__(self, side: react3.Side) -> dict[str, float]:
        self.turns.append(side.name)
        if side.name == self.breaks and self.turns.count(side.name) == 2:
            raise child.Failed("it fell over")
        speed = {"folkmoot": 5000.0, "langgraph": 200.0, "dbos": 150.0}[side.name]
        return figures(speed + self.turns.count(side.name))


def test_the_sides_take_turns() -> None:
    watch = Stopwatch()
    react3.measure(SIDES, 2, watch)
    assert watch.turns == ["folkmoot", "langgraph", "dbos"] * 2


def test_the_median_round_counts() -> None:
    found = react3.outcome(react3.measure(SIDES, 3, Stopwatch()))
    assert found.ours["runs_per_s"] == 5002.0
    assert found.rivals["dbos"]["runs_per_s"] == 152.0


def test_a_rival_that_breaks_is_null_with_its_reason_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = Stopwatch(breaks="langgraph")
    found = react3.outcome(react3.measure(SIDES, 3, watch))
    assert found.rivals["langgraph"] is None
    assert found.rivals["dbos"] is not None
    assert watch.turns.count("langgraph") == 2
    assert "langgraph is left out: it fell over" in capsys.readouterr().err


def test_rivals_that_were_never_there_are_null_too() -> None:
    found = react3.outcome(react3.measure(SIDES[:1], 1, Stopwatch()))
    assert found.rivals == {"langgraph": None, "dbos": None}


def test_nothing_is_reported_when_we_ourselves_break() -> None:
    rounds = react3.measure(SIDES, 2, Stopwatch(breaks="folkmoot"))
    with pytest.raises(child.Failed):
        react3.outcome(rounds)


def test_a_missed_bar_is_shown_as_missed() -> None:
    found = react3.bars(figures(3000.0), {"langgraph": figures(100.0), "dbos": figures(100.0)})
    assert [bar.kept for bar in found] == [True, False]


def test_rivals_make_a_tenth_of_the_runs_but_enough_to_be_steady() -> None:
    assert [react3.rival_runs(n) for n in (10_000, 1_000, 50)] == [1_000, 300, 50]


def test_the_line_has_exactly_the_keys_that_readers_rely_on() -> None:
    found = react3.outcome(react3.measure(SIDES, 1, Stopwatch()))
    console = Console(file=StringIO(), width=120)
    found.show(console)
    report.print_line(console, found.line())
    last = json.loads(console.file.getvalue().splitlines()[-1])  # type: ignore[attr-defined]
    assert list(last) == ["name", "ours", "rivals", "machine"]
    assert list(last["machine"]) == ["cores", "python", "sqlite", "os"]
    assert list(last["rivals"]) == ["langgraph", "dbos"]
