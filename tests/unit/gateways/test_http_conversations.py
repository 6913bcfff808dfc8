"""Conversations over HTTP: a message is submitted like a task, and its answer can be waited for."""

import asyncio

import pytest

from folkmoot.core import entries as e
from folkmoot.ports import store

SAID = {"agent": "reader", "input": "Hi.", "conversation": "ann"}


@pytest.fixture
async def said(api):
    """A message: what was answered when it was submitted."""
    return (await api.post("/v1/runs", json=SAID)).json()


async def test_messages_of_one_conversation_go_to_one_run(api, said):
    again = (await api.post("/v1/runs", json=SAID)).json()
    other = (await api.post("/v1/runs", json=SAID | {"conversation": "ben"})).json()
    assert again["id"] == said["id"] != other["id"]
    assert again["message"] != said["message"]
    assert said["answer"] is None


async def test_a_task_has_no_message(api):
    body = (await api.post("/v1/runs", json={"agent": "reader", "input": "Hi."})).json()
    assert (body["message"], body["answer"]) == ("", None)


async def test_an_answer_is_there_when_it_is_there(api, desk, said):
    path = f"/v1/runs/{said['id']}/answers/{said['message']}"
    early = await api.get(path)
    assert (early.status_code, early.json()["answered"]) == (202, False)
    desk.write(said["id"], e.MessageAnswered(message=said["message"], output="Ho.", data={"n": 1}))
    late = await api.get(path)
    assert late.status_code == 200
    assert late.json() == {
        "run": said["id"],
        "message": said["message"],
        "answered": True,
        "output": "Ho.",
        "data": {"n": 1},
        "error": "",
    }


async def test_waiting_returns_with_the_answer(api, desk):
    asking = asyncio.create_task(
        api.post("/v1/runs?wait=60", json=SAID, headers={"Idempotency-Key": "k"})
    )
    await desk.followed()
    (run,) = await desk.runs(store.Query())
    desk.write(run.id, e.MessageAnswered(message="msg_k", error="MODEL_AUTH: No key."))
    answer = await asking
    assert answer.status_code == 201
    assert answer.json()["answer"]["error"] == "MODEL_AUTH: No key."
    assert answer.json()["waits_for"] == "message"
    assert desk.following == 0


async def test_waiting_for_an_answer_ends_when_the_server_closes(api, app, desk, said):
    path = f"/v1/runs/{said['id']}/answers/{said['message']}?wait=60"
    asking = asyncio.create_task(api.get(path))
    await desk.followed()
    app.state.shared.closing.set()
    assert (await asking).status_code == 202
    assert desk.following == 0


async def test_a_message_that_was_never_said_is_not_found(api, said):
    answer = await api.get(f"/v1/runs/{said['id']}/answers/msg_0?wait=60")
    assert (answer.status_code, answer.json()["code"]) == (404, "MESSAGE_NOT_FOUND")


async def test_a_repeated_message_says_so(api):
    headers = {"Idempotency-Key": "k"}
    first = await api.post("/v1/runs", json=SAID, headers=headers)
    again = await api.post("/v1/runs", json=SAID, headers=headers)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["message"] == first.json()["message"]
