import pytest

from folkmoot.core import entries as e
from folkmoot.core.messages import ToolCall
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query


@pytest.fixture
def asked(desk, run):
    desk.write(
        run, e.ModelReplied(call="1", model="m", calls=(ToolCall("c", "send", {"to": "x"}),))
    )
    desk.write(
        run,
        e.StepAsked(call="c", act="tool send", approval="a1", digest="d", policy="p", reason="r"),
    )
    return run


async def _last(desk, run):
    return (await desk.journal(run))[-1].read()


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("verb", "body", "entry"),
    [
        ("say", {"text": "More.", "by": "ann"}, e.MessageAdded(text="More.", by="ann")),
        ("cancel", {"by": "ann", "reason": "Enough."}, e.Cancelled(by="ann", reason="Enough.")),
        ("cancel", None, e.Cancelled()),
        ("pause", {"by": "ann"}, e.Paused(by="ann")),
        ("pause", {}, e.Paused()),
        ("resume", None, e.Continued()),
    ],
)
async def test_a_verb_reaches_the_run(api, desk, verb, body, entry):
    (run,) = await desk.runs(Query())
    path = f"/v1/runs/{run.id}/{verb}"
    if body is None:
        answer = await api.post(path, headers={"content-type": "application/json"})
    else:
        answer = await api.post(path, json=body)
    assert answer.status_code == 202
    assert answer.json() == {"run": run.id, "kind": verb, "new": True}
    assert await _last(desk, run.id) == entry


async def test_a_repeated_signal_with_a_key_is_one_signal(api, desk, run):
    for new in (True, False):
        answer = await api.post(
            f"/v1/runs/{run}/say", json={"text": "Hi."}, headers={"Idempotency-Key": "k"}
        )
        assert answer.json()["new"] is new
    assert len(await desk.journal(run)) == 2


async def test_another_signal_under_the_same_key_is_heard(api, desk, run):
    told = []
    for verb, body in (("say", {"text": "Hi."}), ("pause", {}), ("cancel", {}), ("cancel", {})):
        answer = await api.post(
            f"/v1/runs/{run}/{verb}", json=body, headers={"Idempotency-Key": "k"}
        )
        told.append(answer.json()["new"])
    assert told == [True, True, True, False]
    assert await _last(desk, run) == e.Cancelled()


async def test_a_finished_run_is_retried_and_takes_nothing_else(api, desk, run):
    desk.write(run, e.Failed(code="X", message="No."))
    refused = await api.post(f"/v1/runs/{run}/say", json={"text": "Hi."})
    assert (refused.status_code, refused.json()["code"]) == (409, "WRONG_STATE")
    assert (await api.post(f"/v1/runs/{run}/retry", json={"by": "ann"})).status_code == 202
    assert (await desk.run(run)).attempt == 2


async def test_an_empty_message_is_refused(api, run):
    assert (await api.post(f"/v1/runs/{run}/say", json={"text": ""})).status_code == 422
    assert (await api.post(f"/v1/runs/{run}/say", json={})).status_code == 422


async def test_questions_show_the_exact_call(api, asked):
    (question,) = (await api.get("/v1/questions")).json()["questions"]
    assert question["run"] == asked
    assert (question["approval"], question["act"], question["args"]) == (
        "a1", "tool send", {"to": "x"},
    )  # fmt: skip
    assert (await api.get(f"/v1/questions?run={asked}")).json()["questions"] == [question]
    assert (await api.get("/v1/questions?run=run_nope")).status_code == 404


@pytest.mark.parametrize("approve", [True, False])
async def test_a_vote_reaches_the_run(api, desk, asked, approve):
    given = {"approve": approve, "by": "ann", "note": "n"}
    answer = await api.post(f"/v1/runs/{asked}/approvals/a1", json=given)
    assert answer.status_code == 202
    assert await _last(desk, asked) == e.StepVoted(
        approval="a1", by="ann", approve=approve, note="n"
    )
    assert (await desk.run(asked)).state is RunState.RUNNING


async def test_a_vote_on_nothing_is_not_swallowed(api, desk, asked):
    answer = await api.post(f"/v1/runs/{asked}/approvals/a2", json={"approve": True, "by": "ann"})
    assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATE")
    assert isinstance(await _last(desk, asked), e.StepAsked)


@pytest.mark.parametrize(
    "body",
    [{"approve": "yes", "by": "ann"}, {"approve": True}, {"by": "ann"}, {"approve": 1, "by": "a"}],
)
async def test_a_vote_that_is_not_plainly_yes_or_no_by_somebody_is_refused(api, asked, body):
    answer = await api.post(f"/v1/runs/{asked}/approvals/a1", json=body)
    assert answer.status_code == 422


async def test_agents_are_shown_without_what_may_hold_secrets(api):
    (agent,) = (await api.get("/v1/agents")).json()["agents"]
    assert (agent["name"], agent["model"], agent["tools"]) == (
        "reader", "scripted:m", ["files.read"],
    )  # fmt: skip
    one = await api.get("/v1/agents/reader")
    assert one.json() == agent
    assert "hidden" not in one.text
    assert (await api.get("/v1/agents/nobody")).json()["code"] == "AGENT_NOT_FOUND"


async def test_the_ledger_is_verified_and_the_touched_entry_named(api, desk, run):
    good = (await api.get("/v1/ledger/verify")).json()
    assert good == {"ok": True, "runs": 1, "entries": 1, "broken": []}
    desk.tamper(run, 1, b"{}")
    bad = (await api.get(f"/v1/ledger/verify?run={run}")).json()
    assert bad["ok"] is False
    assert (bad["broken"][0]["run"], bad["broken"][0]["seq"]) == (run, 1)


async def test_status_counts_every_state(api, run):
    status = (await api.get("/v1/status")).json()
    assert status["states"]["queued"] == 1
    assert set(status["states"]) == {state.value for state in RunState}
    assert status["workers"] == 1
