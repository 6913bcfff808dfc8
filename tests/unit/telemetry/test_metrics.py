import pytest

from folkmoot.core import entries as e
from folkmoot.core.changes import Lease
from folkmoot.core.errors import StoreFault
from folkmoot.core.run import Run, RunState
from folkmoot.core.spend import Usage
from folkmoot.core.task import Task
from folkmoot.ports.store import Counts, Line, Seen, Standing
from folkmoot.telemetry.metrics import Metrics, StoreTotals, split_model


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def value(metrics):
    def read(name, **labels):
        return metrics.registry.get_sample_value(name, labels)

    return read


def test_a_run_is_counted_when_it_begins_and_when_it_ends(metrics, value, journal):
    diary = journal(metrics)
    diary.write(e.Created(task=Task(agent="reader", input="x"), definition="d"))
    assert value("folkmoot_tasks_total", agent="reader") == 1
    assert value("folkmoot_runs_total", agent="reader", state="succeeded") is None
    diary.write(e.Succeeded(output="x"), after=1500)
    assert value("folkmoot_runs_total", agent="reader", state="succeeded") == 1
    assert value("folkmoot_run_seconds_sum", agent="reader") == 1.5
    assert value("folkmoot_run_seconds_count", agent="reader") == 1


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (e.Succeeded(output=""), "succeeded"),
        (e.Failed(code="X", message=""), "failed"),
        (e.Cancelled(), "cancelled"),
        (e.Refused(code="X", message=""), "refused"),
    ],
)
def test_every_end_is_counted_as_its_state(metrics, value, journal, body, state):
    journal(metrics).write(body)
    assert state in {one.value for one in RunState if one.final}
    assert value("folkmoot_runs_total", agent="reader", state=state) == 1


def test_a_failure_that_is_tried_again_is_no_end(metrics, value, journal):
    diary = journal(metrics)
    diary.write(e.Failed(code="X", message="", retry_ms=5))
    diary.write(e.Reset(attempt=2, reason="r"))
    assert value("folkmoot_runs_total", agent="reader", state="failed") is None
    assert value("folkmoot_retries_total", agent="reader") == 1


def test_a_clock_that_went_back_makes_no_negative_time(metrics, value, journal):
    journal(metrics).write(e.Succeeded(output=""), after=-5000)
    assert value("folkmoot_run_seconds_sum", agent="reader") == 0


def test_model_calls_are_counted_with_tokens_and_dollars(metrics, value, journal):
    diary = journal(metrics)
    usage = Usage(input=100, output=20, cache_read=60, cache_write=10)
    diary.write(
        e.ModelReplied(call="1", model="openai:gpt", usage=usage, nanos=2_500_000_000, ms=800)
    )
    diary.write(e.ModelFailed(call="2", model="openai:gpt", code="MODEL_TIMEOUT"))
    model = {"provider": "openai", "model": "gpt"}
    assert value("folkmoot_model_calls_total", **model, outcome="ok") == 1
    assert value("folkmoot_model_calls_total", **model, outcome="MODEL_TIMEOUT") == 1
    assert value("folkmoot_tokens_total", **model, direction="input") == 100
    assert value("folkmoot_tokens_total", **model, direction="output") == 20
    assert value("folkmoot_cached_tokens_total", **model, direction="read") == 60
    assert value("folkmoot_cached_tokens_total", **model, direction="write") == 10
    assert value("folkmoot_cost_usd_total", agent="reader", **model) == 2.5
    assert value("folkmoot_model_seconds_sum", **model) == 0.8


def test_money_of_calls_that_nobody_saw_end_is_counted_apart(metrics, value, journal):
    diary = journal(metrics)
    diary.write(e.ModelFailed(call="1", model="p:m", code="MODEL_TIMEOUT", uncertain=500_000_000))
    diary.write(e.Resumed(worker="w", fence=2, uncertain=1_000_000_000))
    assert value("folkmoot_uncertain_usd_total", agent="reader") == 1.5
    assert value("folkmoot_cost_usd_total", agent="reader", provider="p", model="m") is None


def test_tool_calls_are_counted_by_how_they_ended(metrics, value, journal):
    diary = journal(metrics)
    diary.write(e.ToolReturned(call="1", name="t", text="", ms=20))
    diary.write(e.ToolReturned(call="2", name="t", text="", error="TOOL_FAULT"))
    diary.write(e.ToolDoubted(call="3", name="t"))
    for outcome in ("ok", "failed", "in_doubt"):
        assert value("folkmoot_tool_calls_total", tool="t", outcome=outcome) == 1
    assert value("folkmoot_in_doubt_total") == 1
    assert value("folkmoot_tool_seconds_sum", tool="t") == 0.02


def test_tools_that_a_model_invents_share_a_name(metrics, value, journal):
    diary = journal(metrics)
    for number in range(3):
        diary.write(
            e.ToolReturned(call="1", name=f"made_up_{number}", text="", error="TOOL_NOT_FOUND")
        )
    assert value("folkmoot_tool_calls_total", tool="unknown", outcome="failed") == 3
    assert b"made_up" not in metrics.page()


def test_verdicts_are_counted(metrics, value, journal):
    diary = journal(metrics)
    diary.write(e.StepDenied(call="c", act="a", policy="budget", reason="r"))
    diary.write(
        e.StepAsked(call="c", act="a", approval="a", digest="d", policy="approval", reason="r")
    )
    diary.write(e.StepVoted(approval="a", by="ann", approve=True))
    diary.write(e.StepVoted(approval="a", by="bob", approve=False))
    diary.write(e.ApprovalExpired(approval="a"))
    for policy, verdict in (
        ("budget", "denied"), ("approval", "asked"), ("person", "approved"), ("person", "denied"),
        ("person", "expired"),
    ):  # fmt: skip
        assert value("folkmoot_gate_verdicts_total", policy=policy, verdict=verdict) == 1


def test_a_takeover_is_counted(metrics, value, journal):
    journal(metrics).write(e.Resumed(worker="w", fence=2))
    assert value("folkmoot_resumes_total", agent="reader") == 1


@pytest.mark.parametrize(("cap", "named"), [(0, 0), (2, 2), (50, 3)])
def test_agents_past_the_cap_share_a_label(journal, cap, named):
    metrics = Metrics(agents=cap)
    for name in ("a", "b", "c", "a"):
        run = Run(id="run_1", agent=name, definition="d")
        journal(metrics, run=run).write(e.Succeeded(output=""))
    read = metrics.registry.get_sample_value
    labels = {"state": "succeeded"}
    own = sum(read("folkmoot_runs_total", {"agent": n} | labels) is not None for n in "abc")
    assert own == named
    total = sum(
        read("folkmoot_runs_total", {"agent": n} | labels) or 0 for n in ("a", "b", "c", "other")
    )
    assert total == 4


def test_models_past_the_cap_share_a_label_and_take_no_memory(metrics, value, journal):
    diary = journal(metrics)
    for number in range(300):
        diary.write(e.ModelFailed(call="1", model=f"p:{number}", code="X"))
    assert value("folkmoot_model_calls_total", provider="p", model="other", outcome="X") == 100


def test_gauges_show_every_state_even_without_runs(metrics, value):
    gauges = metrics.gauges
    gauges.count(Counts(states={"queued": 3, "running": 1}, workers=2, outbox=5, dead=4, bytes=99))
    assert value("folkmoot_runs_by_state", state="queued") == 3
    assert value("folkmoot_runs_by_state", state="failed") == 0
    assert value("folkmoot_outbox") == 5
    assert value("folkmoot_dead_letters") == 4
    assert value("folkmoot_store_bytes") == 99
    gauges.count(Counts(states={}, workers=0, outbox=0))
    assert value("folkmoot_runs_by_state", state="queued") == 0


def test_gauges_show_how_the_fleet_stands(metrics, value):
    seen = [Seen(worker=f"w{left}", note="", beat_ms=1, left_ms=left, runs=0) for left in (0, 1, 2)]
    lines = {"high": Line(runs=4, since=1000)}
    gauges = metrics.gauges
    gauges.stand(Standing(now=0, workers=tuple(seen), lines=lines, stuck=("r1",)), now=3500)
    gauges.lead(Lease("coordinator", "me", 7, 10), "me")
    assert value("folkmoot_workers", state="alive") == 2
    assert value("folkmoot_workers", state="stale") == 1
    assert value("folkmoot_runs_stuck") == 1
    assert value("folkmoot_queue_depth", priority="high") == 4
    assert value("folkmoot_queue_oldest_seconds", priority="high") == 2.5
    assert value("folkmoot_queue_depth", priority="low") == 0
    assert (value("folkmoot_led"), value("folkmoot_leader")) == (1, 1)
    assert value("folkmoot_leader_term") == 7
    gauges.stand(Standing(now=0), now=3500)
    gauges.lead(Lease("coordinator", "", 7, 0), "me")
    assert value("folkmoot_queue_depth", priority="high") == 0
    assert (value("folkmoot_led"), value("folkmoot_leader")) == (0, 0)


async def test_a_gathered_page_asks_first(metrics):
    async def ask(gauges):
        gauges.count(Counts(states={"queued": 7}, workers=1, outbox=0))

    page = await metrics.gathered(ask)
    assert b'folkmoot_runs_by_state{state="queued"} 7.0' in page
    assert b"folkmoot_store_up 1.0" in page


async def test_a_store_that_is_away_takes_no_page_away(metrics):
    async def ask(_):
        raise StoreFault("It does not answer.")

    assert b"folkmoot_store_up 0.0" in await metrics.gathered(ask)


def test_the_stores_totals_are_read_when_somebody_looks():
    totals = [StoreTotals(commits=1, sets=10)]
    metrics = Metrics(store=lambda: totals[-1])
    totals.append(StoreTotals(commits=2, sets=30))
    page = metrics.page().decode()
    assert "folkmoot_store_commits_total 2.0" in page
    assert "folkmoot_store_sets_total 30.0" in page


def test_two_systems_in_one_process_count_apart(journal):
    one, other = Metrics(), Metrics()
    journal(one).write(e.ToolDoubted(call="c", name="t"))
    assert one.registry.get_sample_value("folkmoot_in_doubt_total") == 1
    assert other.registry.get_sample_value("folkmoot_in_doubt_total") == 0


def test_the_page_is_prometheus_text_without_creation_times(metrics, journal):
    journal(metrics).write(e.Succeeded(output=""))
    page = metrics.page().decode()
    assert '\nfolkmoot_runs_total{agent="reader",state="succeeded"} 1.0\n' in page
    assert "process_resident_memory_bytes" in page
    assert "_created" not in page


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("openai:gpt", ("openai", "gpt")),
        ("ollama:llama3:8b", ("ollama", "llama3:8b")),
        ("gpt", ("", "gpt")),
    ],
)
def test_a_models_name_is_taken_apart(name, parts):
    assert split_model(name) == parts
