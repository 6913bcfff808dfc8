"""Schedules over HTTP."""

import pytest

from folkmoot.core.errors import StoreFull
from folkmoot.core.schedule import Schedule, fired, put, refused

TIMES = {"agent": "reader", "input": "Report.", "cron": "0 7 * * 1-5", "timezone": "Europe/Berlin"}


@pytest.fixture
async def made(api):
    answer = await api.post("/v1/schedules", json={"name": "mornings", **TIMES})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == "/v1/schedules/mornings"
    return answer.json()


async def code(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def test_a_schedule_is_made_and_shown_with_all_it_says(api, desk, made):
    assert {key: made[key] for key in TIMES} == TIMES
    assert made["next_slot"] == made["next_at"] > desk.clock.now()
    assert made["slots"] == {"fired": 0, "skipped": 0, "missed": 0, "triggered": 0}
    assert (made["source"], made["enabled"], made["paused"], made["every_s"]) == (
        *("api", True, False),
        None,
    )
    assert (await api.get("/v1/schedules/mornings")).json() == made


async def test_how_it_went_is_shown(api, desk, made):
    timetable = desk.timetable
    kept, slot = await timetable.get("mornings"), made["next_slot"]
    kept = refused(fired(kept, slot, "run_1", slot), "QUEUE_FULL: Full.", slot)
    await timetable.store.write(put(kept, slot, 1))
    shown = (await api.get("/v1/schedules/mornings")).json()
    assert shown["slots"]["fired"] == 1
    assert (shown["last_slot"], shown["last_run"], shown["open"]) == (slot, "run_1", ["run_1"])
    assert (shown["error"], shown["tries"]) == ("QUEUE_FULL: Full.", 1)
    assert shown["retry_at"] == slot + 5000


async def test_they_are_listed_by_name_page_by_page(api):
    for name in ("c", "a", "b"):
        await api.put(f"/v1/schedules/{name}", json=TIMES)
    page = (await api.get("/v1/schedules", params={"limit": 2})).json()
    assert ([one["name"] for one in page["schedules"]], page["next"]) == (["a", "b"], "b")
    page = (await api.get("/v1/schedules", params={"after": "b"})).json()
    assert ([one["name"] for one in page["schedules"]], page["next"]) == (["c"], None)


async def test_a_taken_name_is_a_conflict_and_put_declares_anew(api, made):
    answer = await api.post("/v1/schedules", json={"name": "mornings", **TIMES})
    assert await code(answer) == (409, "SCHEDULE_CONFLICT")
    same = await api.put("/v1/schedules/mornings", json=TIMES)
    assert (same.status_code, same.json()) == (200, made)
    other = (await api.put("/v1/schedules/mornings", json={**TIMES, "input": "Other."})).json()
    assert (other["input"], other["next_slot"]) == ("Other.", made["next_slot"])
    assert other["digest"] != made["digest"]


async def test_paused_and_resumed(api, made):
    paused = (await api.post("/v1/schedules/mornings/pause", json={})).json()
    assert (paused["paused"], paused["next_slot"]) == (True, None)
    resumed = (await api.post("/v1/schedules/mornings/resume", json={})).json()
    assert (resumed["paused"], resumed["next_slot"]) == (False, made["next_slot"])


async def test_what_is_declared_as_disabled_cannot_be_resumed(api):
    await api.put("/v1/schedules/off", json={**TIMES, "enabled": False})
    answer = await api.post("/v1/schedules/off/resume", json={})
    assert await code(answer) == (409, "WRONG_STATE")


async def test_triggered_now_even_when_paused(api, made):
    await api.post("/v1/schedules/mornings/pause", json={})
    key = {"Idempotency-Key": "k"}
    first = await api.post("/v1/schedules/mornings/trigger", json={}, headers=key)
    assert first.status_code == 202
    run = first.json()
    assert (run["agent"], run["source"]) == ("reader", "schedule")
    assert run["labels"] == {"schedule": "mornings", "slot": "now/k"}
    assert first.headers["location"] == f"/v1/runs/{run['id']}"
    again = await api.post("/v1/schedules/mornings/trigger", json={}, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, run["id"])
    assert again.headers["idempotent-replayed"] == "true"
    other = await api.post("/v1/schedules/mornings/trigger", json={})
    assert other.json()["id"] != run["id"]
    shown = (await api.get("/v1/schedules/mornings")).json()
    assert (shown["slots"]["triggered"], shown["slots"]["fired"]) == (2, 0)


async def test_forgotten(api, made):
    assert (await api.delete("/v1/schedules/mornings")).status_code == 204
    answer = await api.get("/v1/schedules/mornings")
    assert await code(answer) == (404, "SCHEDULE_NOT_FOUND")


@pytest.mark.parametrize("verb", ["", "/pause", "/resume", "/trigger"])
async def test_what_is_not_there_is_not_found(api, verb):
    method = "POST" if verb else "DELETE"
    content = {"json": {}} if verb else {}
    answer = await api.request(method, f"/v1/schedules/none{verb}", **content)
    assert await code(answer) == (404, "SCHEDULE_NOT_FOUND")


async def test_what_a_file_declares_is_changed_there_alone(api, desk):
    schedule = Schedule(name="reader", agent="reader", input="a", every_s=60, source="file")
    await desk.timetable.put(schedule)
    for answer in (
        await api.put("/v1/schedules/reader", json=TIMES),
        await api.delete("/v1/schedules/reader"),
    ):
        assert await code(answer) == (409, "SCHEDULE_CONFLICT")
    assert (await api.post("/v1/schedules/reader/pause", json={})).json()["paused"]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"cron": "61 * * * *"}, 400, "INVALID_CRON"),
        ({"cron": "0 0 31 2 *"}, 400, "INVALID_CRON"),
        ({"timezone": "Mars/Base"}, 422, "INVALID_SCHEDULE"),
        ({"every_s": 60}, 422, "INVALID_SCHEDULE"),
        ({"cron": ""}, 422, "INVALID_SCHEDULE"),
        ({"input": "  "}, 422, "INVALID_SCHEDULE"),
        ({"agent": "nobody"}, 404, "AGENT_NOT_FOUND"),
        ({"overlap": "maybe"}, 422, "INVALID_REQUEST"),
        ({"jitter_s": 90_000}, 422, "INVALID_REQUEST"),
        ({"source": "file"}, 422, "INVALID_REQUEST"),
    ],
)
async def test_what_cannot_be_scheduled_is_refused(api, change, status, word):
    assert await code(await api.put("/v1/schedules/s", json={**TIMES, **change})) == (status, word)
    assert (await api.get("/v1/schedules")).json()["schedules"] == []


async def test_a_name_has_few_characters(api):
    answer = await api.post("/v1/schedules", json={"name": "A/b", **TIMES})
    assert await code(answer) == (422, "INVALID_REQUEST")
    assert await code(await api.put("/v1/schedules/A", json=TIMES)) == (422, "INVALID_SCHEDULE")


async def test_a_store_in_trouble_is_told(api, desk):
    desk.fault = StoreFull()
    assert await code(await api.get("/v1/schedules")) == (503, "STORE_FULL")
