"""Schedules in the running system: fired, worked on, changed and removed with their file."""

import time

import pytest

pytestmark = pytest.mark.slow
PATIENCE_S = 30
MODEL = "model: keywords:ticker\n"


def until(look):
    ends = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.1)
    return found


def listed(moot):
    found = moot.json("schedules", "list")["schedules"]
    return {one["schedule"]["name"]: one for one in found}


def test_a_schedule_lives_with_its_file(moot):
    moot.agent("ticker", MODEL + "schedule: {every: 1s, input: Tick.}\n")
    moot.up()
    until(lambda: listed(moot).get("ticker", {}).get("fired", 0) >= 2)
    runs = moot.json("runs", "--state", "succeeded")["runs"]
    assert runs[0]["labels"]["schedule"] == "ticker"
    assert runs[0]["source"] == "schedule"
    moot.agent("ticker", MODEL + "schedule: {every: 1h, input: Tock.}\n")
    changed = until(lambda: (one := listed(moot)["ticker"])["schedule"]["input"] == "Tock." and one)
    assert changed["fired"] >= 2
    assert changed["next_slot"] % 3_600_000 == 0
    moot.agent("ticker", MODEL)
    until(lambda: listed(moot) == {})


def test_one_set_by_hand_fires_until_it_is_paused(moot):
    moot.agent("ticker", MODEL)
    moot.up()
    moot("schedules", "add", "hand", "ticker", "Tick.", "--every", "1s")
    until(lambda: listed(moot)["hand"]["fired"] >= 1)
    moot("schedules", "pause", "hand")
    count = listed(moot)["hand"]["fired"]
    run = moot.json("schedules", "trigger", "hand", "--key", "k")
    assert moot.until(run["run"], "succeeded")["labels"]["slot"] == "now/k"
    assert listed(moot)["hand"]["fired"] == count
    moot("schedules", "remove", "hand")
    assert listed(moot) == {}
