"""Roles as processes of their own on one file."""

import json
import os
import signal
import sqlite3
import time
import urllib.request
from contextlib import closing

import pytest

pytestmark = pytest.mark.slow
PATIENCE_S = 60


def lease(moot):
    with closing(sqlite3.connect(moot.folder / ".folkmoot" / "folkmoot.db")) as db:
        rows = db.execute("SELECT holder, fence FROM leases WHERE name = 'coordinator'").fetchall()
    return rows[0] if rows else ("", 0)


def until(look, what):
    """Return what `look` gives once it gives something."""
    ends = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < ends, what
        time.sleep(0.05)
    return found


def started(moot, role, *options):
    process = moot.start(role, "--json", *options)
    ready = json.loads(process.stdout.readline())
    assert ready["event"] == "ready"
    return process, ready


def test_api_coordinator_and_worker_are_a_system(moot):
    moot("init")
    api, ready = started(moot, "api", "--port", "0")
    coordinator, _ = started(moot, "coordinator")
    worker, _ = started(moot, "worker")
    asked = urllib.request.Request(
        f"{ready['url']}/v1/runs?wait=20",
        data=json.dumps({"agent": "hello", "input": "Hello!"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        run = json.load(answer)
    assert run["state"] == "succeeded"
    assert run["output"].startswith("Hello.")
    assert f"-{coordinator.pid}-" in lease(moot)[0]
    for process in (worker, coordinator, api):
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert lease(moot)[0] == ""


def test_a_leader_that_was_stopped_past_its_lease_leads_no_more(moot):
    moot("init")
    processes = {}
    for _ in range(2):
        process, ready = started(moot, "coordinator")
        processes[str(ready["pid"])] = process
    holder, fence = until(lambda: lease(moot) if lease(moot)[0] else None, "nobody leads")
    first = next(pid for pid in processes if f"-{pid}-" in holder)
    os.kill(int(first), signal.SIGSTOP)
    try:
        until(lambda: lease(moot)[1] > fence, "nobody took over")
        after = lease(moot)
        assert f"-{first}-" not in after[0]
    finally:
        os.kill(int(first), signal.SIGCONT)
    processes[first].send_signal(signal.SIGTERM)
    assert processes[first].wait(PATIENCE_S) == 0
    assert lease(moot) == after, "who led before gave back what was not its own"


def test_a_fleet_of_workers_alone_has_a_leader(moot):
    moot("init")
    worker, ready = started(moot, "worker")
    holder, _ = until(lambda: lease(moot) if lease(moot)[0] else None, "nobody leads")
    assert f"-{ready['pid']}-" in holder
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0
