"""Whatever is sent, the answer is an answer: never a 500, and always in the promised form."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

FAST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TASKS = VALUE | st.fixed_dictionaries(
    {"agent": st.just("reader") | VALUE, "input": TEXT | VALUE},
    optional={"priority": VALUE, "deadline": st.integers() | VALUE, "labels": VALUE, "more": VALUE},
)


async def _answer(app, method, path, **content):
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.request(method, path, **content)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    return answer


@FAST
@given(body=TASKS)
@example(body={"agent": "reader", "input": "x", "labels": {"\ud800": "half a character"}})
@example(body={"agent": "reader", "input": "x", "\ud800": 1})
@example(body={"agent": "reader", "input": "x", "deadline": 10**30})
async def test_any_body_of_a_task(app, body):
    headers = {"content-type": "application/json"}
    await _answer(app, "POST", "/v1/runs", content=json.dumps(body), headers=headers)


SCHEDULES = VALUE | st.fixed_dictionaries(
    {"agent": st.just("reader"), "input": TEXT.filter(str.strip) | VALUE},
    optional={
        "cron": st.sampled_from(["* * * * *", "0 0 31 2 *", "@daily"]) | TEXT,
        "every_s": st.integers() | VALUE,
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "..", "/", "localtime"]) | TEXT,
        "jitter_s": st.floats() | VALUE,
        "timeout_s": st.floats() | VALUE,
        "labels": VALUE,
    },
)


@FAST
@given(body=SCHEDULES)
@example(body={"agent": "reader", "input": "x", "every_s": 1, "grace_s": float("nan")})
@example(body={"agent": "reader", "input": "\ud800", "every_s": 1})
async def test_any_body_of_a_schedule(app, body):
    headers = {"content-type": "application/json"}
    await _answer(app, "PUT", "/v1/schedules/s", content=json.dumps(body), headers=headers)


EVENTS = VALUE | st.fixed_dictionaries(
    {"event_type": st.just("orders.created") | TEXT},
    optional={
        "event_id": TEXT,
        "timestamp": st.sampled_from(["2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z"]) | TEXT,
        "payload": st.dictionaries(TEXT, VALUE, max_size=3) | VALUE,
        "ttl_seconds": st.floats() | VALUE,
        "trace_id": TEXT,
    },
)


@FAST
@given(body=EVENTS)
@example(body={"event_type": "a", "payload": {"x": 10**30}})
@example(body={"event_type": "a", "payload": {"\ud800": 1}})
@example(body={"event_type": "a", "ttl_seconds": float("inf")})
@example(body={"event_type": "a\n"})
async def test_any_body_of_an_event(app, body):
    headers = {"content-type": "application/json"}
    await _answer(app, "POST", "/v1/events", content=json.dumps(body), headers=headers)


@FAST
@given(body=VALUE)
async def test_any_body_of_a_signal(app, body):
    headers = {"content-type": "application/json"}
    for verb in ("say", "cancel", "approvals/a"):
        path = f"/v1/runs/run_x/{verb}"
        await _answer(app, "POST", path, content=json.dumps(body), headers=headers)


@FAST
@given(after=st.integers().map(str) | TEXT.filter(str.isprintable))
async def test_any_place_in_a_journal(app, after):
    for path in ("/v1/runs/run_x/journal", "/v1/runs/run_x/events"):
        await _answer(app, "GET", path, params={"after": after.encode("utf-8", "replace")})


@pytest.mark.parametrize("number", [2**53, 2**63, 10**30])
async def test_numbers_that_no_store_holds_are_refused(app, run, number):
    for path in (f"/v1/runs/{run}/journal", f"/v1/runs/{run}/events"):
        assert (await _answer(app, "GET", path, params={"after": number})).status_code == 422
    task = {"agent": "reader", "input": "x", "deadline": number}
    assert (await _answer(app, "POST", "/v1/runs", json=task)).status_code == 422
