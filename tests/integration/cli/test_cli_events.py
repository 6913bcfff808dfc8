"""Events and poison, with real processes."""

import json
import signal
import time

import pytest

pytestmark = pytest.mark.slow
PATIENCE_S = 40

AGENT = """\
name: clerk
instructions: Check it.
model: keywords:clerk
triggers:
  - event: orders.*.created
    input: "Check {{ payload.id }}"
"""
# Ends the process where a run of an event would be made.
POISON = """\
import os, signal
from folkmoot.core.changes import CreateRun

def register(app):
    write = app.store.write

    async def fatal(*changes):
        if any(isinstance(one, CreateRun) and one.run.source == "event" for one in changes):
            os.kill(os.getpid(), signal.SIGKILL)
        return await write(*changes)

    app.store.write = fatal
"""


def prepare(moot):
    (moot.folder / "agents").mkdir()
    (moot.folder / "agents" / "clerk.yaml").write_text(AGENT)
    moot.env |= {"FOLKMOOT_LEASE_S": "1", "FOLKMOOT_HEARTBEAT_S": "0.2", "FOLKMOOT_POLL_S": "0.2"}


def started(moot, *options):
    process = moot.start("worker", "--json", *options)
    assert json.loads(process.stdout.readline())["event"] == "ready"
    return process


def until(look, what):
    ends = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < ends, what
        time.sleep(0.1)
    return found


@pytest.mark.timeout(120)
def test_an_event_that_kills_its_worker_each_time_is_dead_after_five(moot):
    """The counter grows although no process lives to count: each try is written before it begins."""
    prepare(moot)
    (moot.folder / "poison.py").write_text(POISON)
    moot("emit", "orders.eu.created", "--id", "bad", "--payload", '{"id": 7}')
    for _ in range(5):
        process = started(moot, "--plugin", "poison.py")
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
        assert moot.json("dead", "list")["dead"] == []
    started(moot, "--plugin", "poison.py")
    [letter] = until(lambda: moot.json("dead", "list")["dead"], "it did not die")
    assert (letter["key"], letter["tries"]) == ("clerk/bad", 5)
    assert "not seen to end" in letter["error"]
    assert moot.json("runs")["runs"] == []


@pytest.mark.timeout(120)
def test_a_dead_letter_is_retried_once_its_cause_is_mended(moot):
    prepare(moot)
    moot.env["FOLKMOOT_EVENT_TRIES"] = "2"
    process = started(moot)
    moot("emit", "orders.eu.created", "--id", "bad", "--payload", '{"number": 7}')
    [letter] = until(lambda: moot.json("dead", "list")["dead"], "it did not die")
    assert letter["error"] == "INVALID: The event has no payload.id."
    path = moot.folder / "agents" / "clerk.yaml"
    path.write_text(AGENT.replace("payload.id", "payload.number"))
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert moot.json("dead", "retry", "clerk/bad") == {"retried": ["clerk/bad"], "left": []}
    [run] = until(lambda: moot.json("runs", "--state", "succeeded")["runs"], "no run")
    assert (run["source"], run["labels"]["event_id"]) == ("event", "bad")
    assert moot.json("dead", "list")["dead"] == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
