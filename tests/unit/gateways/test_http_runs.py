import asyncio

from folkmoot.core import entries as e
from folkmoot.gateways.http.bodies import EntryBody
from folkmoot.ports.store import Query

TASK = {"agent": "reader", "input": "Read."}


async def test_a_task_becomes_a_run_that_location_names(api, desk):
    answer = await api.post("/v1/runs", json=TASK)
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/v1/runs/{body['id']}"
    assert body["state"] == "queued"
    assert (body.pop("message"), body.pop("answer")) == ("", None)
    assert (await api.get(answer.headers["location"])).json() == body


async def test_every_field_of_a_task_arrives(api, desk):
    given = TASK | {"priority": "high", "deadline": 5, "labels": {"team": "a"}}
    run = (await api.post("/v1/runs", json=given, headers={"Idempotency-Key": "k"})).json()["id"]
    task = (await desk.journal(run))[0].read().task
    assert (task.key, task.source, task.priority) == ("k", "api", "high")
    assert (task.deadline, task.labels) == (5, {"team": "a"})


async def test_a_repeated_key_gives_the_same_run_and_says_so(api):
    headers = {"Idempotency-Key": "k"}
    first = await api.post("/v1/runs", json=TASK, headers=headers)
    again = await api.post("/v1/runs", json=TASK, headers=headers)
    assert "idempotent-replayed" not in first.headers
    assert again.status_code == 200
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]


async def test_a_key_reused_for_another_task_is_a_conflict(api):
    headers = {"Idempotency-Key": "k"}
    await api.post("/v1/runs", json=TASK, headers=headers)
    other = await api.post("/v1/runs", json=TASK | {"input": "Write."}, headers=headers)
    assert other.status_code == 409
    assert other.json()["code"] == "KEY_REUSED"


async def test_waiting_returns_the_run_as_soon_as_it_is_over(api, desk):
    asking = asyncio.create_task(api.post("/v1/runs?wait=60", json=TASK))
    await desk.followed()
    (run,) = await desk.runs(Query())
    desk.write(run.id, e.Succeeded(output="Done."))
    answer = await asking
    assert answer.status_code == 201
    assert answer.json()["output"] == "Done."
    assert desk.following == 0


async def test_waiting_gives_up_after_its_time(api, desk):
    answer = await api.post("/v1/runs?wait=0.001", json=TASK)
    assert answer.status_code == 202
    assert desk.following == 0


async def test_waiting_ends_when_the_server_closes(api, app, desk):
    asking = asyncio.create_task(api.post("/v1/runs?wait=60", json=TASK))
    await desk.followed()
    app.state.shared.closing.set()
    assert (await asking).status_code == 202


async def test_waiting_is_bounded(api):
    assert (await api.post("/v1/runs?wait=61", json=TASK)).status_code == 422


async def test_runs_are_paged_by_cursor(api, desk):
    for _ in range(5):
        await api.post("/v1/runs", json=TASK)
        desk.clock.advance(1)
    seen, before = [], ""
    while True:
        page = (await api.get("/v1/runs", params={"limit": 2, "before": before})).json()
        seen += [run["id"] for run in page["runs"]]
        if page["next"] is None:
            break
        before = page["next"]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5


async def test_runs_are_filtered(api, desk, run):
    desk.write(run, e.Failed(code="X", message="No."))
    await api.post("/v1/runs", json=TASK)
    failed = (await api.get("/v1/runs?state=failed&state=cancelled")).json()["runs"]
    assert [one["id"] for one in failed] == [run]
    assert (await api.get("/v1/runs?agent=nobody")).json()["runs"] == []
    assert (await api.get("/v1/runs?state=asleep")).status_code == 422


async def test_a_journal_is_read_in_parts(api, desk, run):
    desk.write(run, e.ModelCalled(call="1", model="m"))
    desk.write(run, e.Succeeded(output='Quote " and ü'))
    first = (await api.get(f"/v1/runs/{run}/journal?limit=2")).json()
    rest = (await api.get(f"/v1/runs/{run}/journal?after={first['next']}")).json()
    assert [entry["seq"] for entry in first["entries"] + rest["entries"]] == [1, 2, 3]
    assert rest["next"] is None
    assert rest["entries"][0]["body"]["output"] == 'Quote " and ü'


async def test_what_a_journal_sends_is_what_its_schema_promises(api, desk, run):
    for entry in (await api.get(f"/v1/runs/{run}/journal")).json()["entries"]:
        assert EntryBody.model_validate(entry).model_dump() == entry


async def test_an_agent_that_failed_too_often_is_shown_and_cleared(api, desk):
    desk.hold_back("reader", trips=2, until=7)
    shown = (await api.get("/v1/agents")).json()["held_back"]
    assert shown == [{"agent": "reader", "failures": 0, "trips": 2, "until": 7}]
    assert (await api.post("/v1/agents/reader/clear", json={})).json() == {"cleared": True}
    assert (await api.post("/v1/agents/reader/clear", json={})).json() == {"cleared": False}
    assert (await api.get("/v1/agents")).json()["held_back"] == []
