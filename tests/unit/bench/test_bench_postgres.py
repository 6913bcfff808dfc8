from pathlib import Path

import pytest
from bench import child, postgres, react3, react3_postgres
from bench.ours_postgres import added


def figures(speed: float, server_ms: float = 0.1) -> dict[str, float]:
    return {
        "runs_per_s": speed,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "cpu_ms_per_run": 0.1,
        "rss_mb": 50.0,
        "server_ms_per_run": server_ms,
    }


ROUNDS = {
    "folkmoot": [figures(5000.0)],
    react3_postgres.TWO: [figures(7500.0)],
    "langgraph": [figures(200.0)],
    react3_postgres.TEN: [figures(240.0)],
    "dbos": [figures(250.0)],
}


def test_each_promise_is_told_by_its_own_bar() -> None:
    found = react3_postgres.outcome(ROUNDS)
    assert [bar.kept for bar in found.bars] == [True, False, False]
    assert found.name == "react3-postgres"
    assert found.ours["two_processes"]["runs_per_s"] == 7500.0


def test_what_the_server_took_stands_beside_what_we_took() -> None:
    found = react3_postgres.outcome(ROUNDS)
    assert [row[5] for row in found.rows] == ["0.10+0.10"] * 5
    assert len(found.columns) == len(found.rows[0])


def test_without_the_second_process_there_is_no_bar_for_it() -> None:
    found = react3_postgres.outcome({**ROUNDS, react3_postgres.TWO: []})
    assert "two_processes" not in found.ours
    assert len(found.bars) == 2


def test_without_a_server_a_side_fails_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SERVER", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(child.Failed, match=r"no PostgreSQL.*127\.0\.0\.1"):
        react3_postgres.ask(react3.Side("folkmoot", "bench.ours_postgres", Path("python"), 1))


def test_processes_are_added_up_and_the_slowest_tail_counts() -> None:
    one = {**figures(100.0), "server_s": 1.0, "runs": 300.0}
    two = {**figures(140.0), "server_s": 2.0, "runs": 300.0, "p99_ms": 9.0}
    both = added([one, two])
    assert both["runs_per_s"] == 240.0
    assert both["p99_ms"] == 9.0
    assert both["rss_mb"] == 100.0
    assert both["server_ms_per_run"] == 2.0


def test_sessions_of_a_database_nobody_uses_are_not_to_be_seen() -> None:
    assert postgres.server_cpu_s("postgresql://root@127.0.0.1/no_such_database_at_all") == 0
