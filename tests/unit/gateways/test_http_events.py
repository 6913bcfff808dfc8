import asyncio
import json

import pytest

from folkmoot.core import entries as e
from folkmoot.core.errors import StoreFault
from folkmoot.gateways.http.bodies import EntryBody


class Reader:
    """An ASGI client that reads a stream as it comes, and may leave."""

    def __init__(self, app, path, headers=()):
        self.sent = asyncio.Queue()
        self.left = asyncio.Event()
        path, _, query = path.partition("?")
        self.scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "headers": [(b"host", b"localhost"), *headers],
            "http_version": "1.1", "scheme": "http", "root_path": "", "asgi": {"version": "3.0"},
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        self.task = asyncio.create_task(app(self.scope, self._receive, self.sent.put))
        self._asked = False

    async def _receive(self):
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def start(self):
        return (await self.sent.get())["status"]

    async def chunk(self):
        return (await self.sent.get())["body"].decode()

    async def event(self):
        """Return the next event as its fields, leaving out comments."""
        while True:
            lines = [line for line in (await self.chunk()).split("\n") if line]
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "data" in fields:
                return fields


@pytest.fixture
async def follow(app):
    readers = []

    def make(path, headers=()):
        readers.append(Reader(app, path, headers))
        return readers[-1]

    yield make
    for reader in readers:
        reader.task.cancel()
    await asyncio.gather(*(reader.task for reader in readers), return_exceptions=True)


async def test_a_run_is_told_from_its_beginning_to_its_end(follow, desk, run):
    reader = follow(f"/v1/runs/{run}/events")
    assert await reader.start() == 200
    assert await reader.chunk() == "retry: 1000\n\n"
    first = await reader.event()
    assert (first["id"], first["event"]) == ("1", "run.created")
    desk.write(run, e.ModelCalled(call="1", model="m"))
    assert (await reader.event())["event"] == "model.called"
    desk.say(run, "Line one\nline two")
    delta = await reader.event()
    assert "id" not in delta
    assert json.loads(delta["data"]) == {"run": run, "text": "Line one\nline two"}
    desk.write(run, e.Succeeded(output="Done."))
    last = await reader.event()
    assert json.loads(last["data"])["body"]["output"] == "Done."
    await reader.task
    assert reader.sent.get_nowait() == {
        "type": "http.response.body",
        "body": b"",
        "more_body": False,
    }
    assert desk.following == 0


async def test_an_entry_in_a_stream_is_what_the_schema_promises(follow, run):
    reader = follow(f"/v1/runs/{run}/events")
    await reader.start()
    data = json.loads((await reader.event())["data"])
    assert EntryBody.model_validate(data).model_dump() == data


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("?after=2", ()),
        ("", ((b"last-event-id", b"2"),)),
        ("?after=0", ((b"last-event-id", b"2"),)),
    ],
)
async def test_a_stream_goes_on_after_the_last_event_that_was_seen(
    follow, desk, run, path, headers
):
    desk.write(run, e.ModelCalled(call="1", model="m"))
    desk.write(run, e.Succeeded(output="Done."))
    reader = follow(f"/v1/runs/{run}/events{path}", headers)
    await reader.start()
    assert (await reader.event())["id"] == "3"
    await reader.task


async def test_a_browser_that_has_seen_the_end_is_told_not_to_ask_again(api, desk, run):
    desk.write(run, e.Succeeded(output="Done."))
    seen = {"Last-Event-ID": "2"}
    assert (await api.get(f"/v1/runs/{run}/events", headers=seen)).status_code == 204


async def test_a_stream_of_nothing_is_refused_before_it_begins(api, run):
    unknown = await api.get("/v1/runs/run_nope/events")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "RUN_NOT_FOUND")
    wrong = await api.get(f"/v1/runs/{run}/events", headers={"Last-Event-ID": "abc"})
    assert wrong.status_code == 422


async def test_a_client_that_leaves_frees_everything(follow, desk, run):
    before = asyncio.all_tasks()
    reader = follow(f"/v1/runs/{run}/events")
    await reader.start()
    await reader.event()
    assert desk.following == 1
    reader.left.set()
    await reader.task
    assert desk.following == 0
    assert asyncio.all_tasks() == before


async def test_a_cancelled_request_frees_everything(follow, desk, run):
    before = asyncio.all_tasks()
    reader = follow(f"/v1/runs/{run}/events")
    await reader.start()
    await reader.event()
    reader.task.cancel()
    await asyncio.gather(reader.task, return_exceptions=True)
    assert desk.following == 0
    assert asyncio.all_tasks() == before


async def test_streams_end_when_the_server_closes(follow, app, desk, run):
    reader = follow(f"/v1/runs/{run}/events")
    await reader.start()
    await reader.event()
    app.state.shared.closing.set()
    await reader.task
    assert desk.following == 0


async def test_a_silent_stream_shows_that_it_lives(follow, app, desk, run):
    app.state.shared.beat_s = 0.001
    reader = follow(f"/v1/runs/{run}/events")
    await reader.start()
    await reader.event()
    assert await reader.chunk() == ": still here\n\n"
    desk.write(run, e.Succeeded(output="Done."))  # a beat must not have lost the next item
    assert (await reader.event())["id"] == "2"
    await reader.task


async def test_a_fault_in_the_middle_is_told_and_ends_the_stream(follow, desk, run, monkeypatch):
    async def broken(run, after=0):
        yield (await desk.journal(run))[0]
        raise StoreFault("The disk is gone.")

    monkeypatch.setattr(desk, "follow", broken)
    reader = follow(f"/v1/runs/{run}/events")
    await reader.start()
    await reader.event()
    problem = await reader.event()
    assert problem["event"] == "problem"
    assert json.loads(problem["data"])["code"] == "STORE_FAULT"
    await reader.task
