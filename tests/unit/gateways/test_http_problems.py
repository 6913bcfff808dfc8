import inspect
import logging

import pytest

from folkmoot.core import errors
from folkmoot.core.errors import FolkmootError, QueueFull, StoreFault
from folkmoot.core.trace import trace_id
from folkmoot.gateways.http.problems import ERRORS, REFUSALS, status_of

TASK = {"agent": "reader", "input": "Read."}
KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, FolkmootError)
]


def _is_problem(answer):
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:folkmoot:error:{body['code']}"
    assert {"title", "detail", "instance", "kept", "todo", "trace_id"} <= set(body)
    return body


@pytest.mark.parametrize("kind", KINDS)
async def test_every_error_of_the_core_is_a_problem(api, desk, kind):
    desk.fault = kind("It happened.", kept="This.", todo="That.", run="run_1")
    problem = _is_problem(await api.get("/v1/status"))
    assert problem["status"] == status_of(kind).code
    assert (problem["code"], problem["detail"]) == (kind.code, "It happened.")
    assert (problem["kept"], problem["todo"]) == ("This.", "That.")
    assert problem["details"] == {"run": "run_1"}


@pytest.mark.parametrize("kind", [errors.RunUnknown, errors.AgentUnknown, errors.TaskInvalid])
async def test_what_names_nothing_or_cannot_be_used_says_what_was_kept(api, desk, kind):
    desk.fault = kind("It happened.")
    assert _is_problem(await api.get("/v1/status"))["kept"] == "Nothing was changed."


def test_every_error_of_the_core_has_a_status_of_its_kind():
    assert all(
        status_of(kind) is not ERRORS[FolkmootError] for kind in KINDS if kind is not FolkmootError
    )


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [(QueueFull(), "5"), (QueueFull(retry_after=2.4), "2"), (StoreFault(retry_after=0), "1"),
     (StoreFault(retry_after="soon"), "5")],
)  # fmt: skip
async def test_what_may_pass_by_itself_says_when_to_come_back(api, desk, fault, seconds):
    desk.fault = fault
    answer = await api.post("/v1/runs", json=TASK)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == seconds


async def test_a_wrong_body_names_each_field_and_repeats_nothing_of_it(api):
    answer = await api.post("/v1/runs", json={"input": 5, "password": "hunter2"})
    problem = _is_problem(answer)
    assert (problem["status"], problem["code"]) == (422, "INVALID_REQUEST")
    assert {error["field"] for error in problem["errors"]} == {
        "body.agent", "body.input", "body.password",
    }  # fmt: skip
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("body", ["{", "[" * 200_000, "\xff", '{"a": NaN'])
async def test_what_is_not_json_is_a_problem_too(api, body):
    answer = await api.post(
        "/v1/runs", content=body.encode("latin-1"), headers={"content-type": "application/json"}
    )
    assert _is_problem(answer)["code"] == "INVALID_JSON"


async def test_a_route_that_does_not_exist_is_a_problem(api):
    assert _is_problem(await api.get("/v2/runs"))["code"] == "NOT_FOUND"
    assert _is_problem(await api.get("/v1/runs/"))["code"] == "NOT_FOUND"


async def test_a_wrong_method_is_told_all_that_are_right(api, run):
    answer = await api.delete("/v1/runs")
    assert _is_problem(answer)["code"] == "METHOD_NOT_ALLOWED"
    assert answer.headers["allow"] == "GET, POST"
    assert (await api.delete(f"/v1/runs/{run}")).headers["allow"] == "GET"


async def test_a_defect_is_logged_and_tells_nothing_of_the_inside(api, desk, caplog):
    desk.fault = RuntimeError("secret inside /etc/passwd")
    with caplog.at_level(logging.ERROR, "folkmoot.http"):
        answer = await api.get("/v1/status")
    problem = _is_problem(answer)
    assert (problem["status"], problem["code"]) == (500, "INTERNAL")
    assert "inside" not in answer.text
    (record,) = caplog.records
    assert record.trace_id == problem["trace_id"]
    assert "secret inside" in str(record.exc_info[1])


async def test_a_problem_about_a_run_carries_the_runs_trace(api):
    answer = await api.get("/v1/runs/run_nope/journal")
    assert answer.json()["trace_id"] == trace_id("run_nope")


async def test_a_problem_carries_the_callers_trace(api):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for parent in (f"00-{trace}-00f067aa0ba902b7-01", f"cc-{trace}-00f067aa0ba902b7-00-what-comes"):
        headers = {"traceparent": parent}
        assert (await api.get("/v1/agents/x", headers=headers)).json()["trace_id"] == trace


@pytest.mark.parametrize(
    "wrong",
    [
        "00-<script>-x-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"ff-{'a' * 32}-00f067aa0ba902b7-01",
        f"00-{'a' * 32}-00f067aa0ba902b7-01-more",
        f"00-{'A' * 32}-00f067aa0ba902b7-01",
    ],
)
async def test_what_is_no_trace_is_not_carried(api, wrong):
    trace = (await api.get("/v1/agents/x", headers={"traceparent": wrong})).json()["trace_id"]
    assert len(trace) == 32
    assert trace not in wrong.lower()


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_every_refusal_says_what_to_do(code):
    refusal = REFUSALS[code]
    assert refusal.title
    assert refusal.todo.endswith(".")
    assert refusal.kept


async def test_answers_are_kept_by_nobody_and_guessed_by_nobody(api):
    headers = (await api.get("/v1/status")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
