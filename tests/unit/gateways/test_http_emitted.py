"""Events and dead letters over HTTP."""

import pytest

from folkmoot.core import envelope as envelopes
from folkmoot.core import letters
from folkmoot.core.changes import PutRecord
from folkmoot.core.envelope import Envelope
from folkmoot.core.letters import DEAD, EVENT, Letter


async def outbox(desk):
    items = await desk.timetable.store.outbox(desk.clock.now(), 10)
    return [envelopes.read(item.body) for item in items]


async def bury(desk, *names, **fields):
    event = Envelope(event_id="e", event_type="a.b", timestamp="2026-01-31T12:00:00Z")
    for name in names:
        letter = Letter(subscription="reader", id=name, event=event, tries=5, error="No.", **fields)
        body = letters.write(letter)
        await desk.timetable.store.write(PutRecord(kind=DEAD, key=letter.key, body=body))


async def test_an_event_is_published_with_all_it_says(api, desk):
    given = {
        "event_type": "orders.created",
        "event_id": "order-7",
        "timestamp": "2026-01-31T12:00:00Z",
        "payload": {"id": 7},
        "priority": "high",
        "ttl_seconds": 60.0,
        "source_agent_id": "shop",
        "source_service": "web",
        "trace_id": "t",
        "execution_id": "x",
        "parent_event_id": "p",
    }
    answer = await api.post("/v1/events", json=given)
    assert (answer.status_code, answer.json()) == (202, {"event_id": "order-7"})
    (event,) = await outbox(desk)
    assert {name: getattr(event, name) for name in given} == given


async def test_the_same_id_is_the_same_event_and_a_key_stands_for_an_id(api, desk):
    for _ in range(2):
        await api.post("/v1/events", json={"event_type": "a", "event_id": "1"})
        await api.post("/v1/events", json={"event_type": "a"}, headers={"Idempotency-Key": "k"})
    assert len(await outbox(desk)) == 2
    for _ in range(2):
        await api.post("/v1/events", json={"event_type": "a"})
    assert len(await outbox(desk)) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"event_type": "a.*"},
        {"event_type": "a", "event_id": "a/b"},
        {"event_type": "a", "timestamp": "2026-02-30T00:00:00Z"},
        {"event_type": "a", "payload": []},
        {"event_type": "a", "hop_count": 1},
        {"event_type": "a", "payload": {"x": "y" * envelopes.LARGEST}},
    ],
)
async def test_what_is_no_event_is_refused(api, desk, wrong):
    answer = await api.post("/v1/events", json=wrong)
    assert answer.status_code == 422, answer.text
    assert await outbox(desk) == []


async def test_dead_letters_are_listed_by_pages_and_shown(api, desk):
    await bury(desk, "1", "2", "3")
    page = (await api.get("/v1/dead", params={"limit": 2})).json()
    assert [one["event_id"] for one in page["dead"]] == ["1", "2"]
    rest = (await api.get("/v1/dead", params={"after": page["next"]})).json()
    assert ([one["event_id"] for one in rest["dead"]], rest["next"]) == (["3"], None)
    shown = (await api.get("/v1/dead/reader/2")).json()
    assert shown == page["dead"][1]
    assert (shown["tries"], shown["error"], shown["event"]["event_type"]) == (5, "No.", "a.b")


async def test_a_dead_letter_is_tried_again_or_forgotten(api, desk):
    await bury(desk, "1", "2")
    assert (await api.post("/v1/dead/reader/1/retry")).status_code == 415
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/v1/dead/reader/1/retry", headers=headers)
    assert answer.status_code == 202
    (record,) = await desk.timetable.store.records(EVENT)
    assert (record.key, letters.read(record.body).tries) == ("reader/1", 0)
    assert (await api.delete("/v1/dead/reader/2")).status_code == 204
    assert (await api.get("/v1/dead")).json() == {"dead": [], "next": None}
    for answer in (
        await api.get("/v1/dead/reader/1"),
        await api.delete("/v1/dead/reader/1"),
        await api.post("/v1/dead/reader/1/retry", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "LETTER_NOT_FOUND")


async def test_what_cannot_be_read_cannot_be_tried_again(api, desk):
    letter = Letter(subscription="reader", id="unreadable-1", raw="{", error="Half.")
    put = PutRecord(kind=DEAD, key=letter.key, body=letters.write(letter))
    await desk.timetable.store.write(put)
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/v1/dead/reader/unreadable-1/retry", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "WRONG_STATE")
    assert (await api.get("/v1/dead/reader/unreadable-1")).json()["event"] is None
