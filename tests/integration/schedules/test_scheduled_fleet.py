"""A schedule that fires each second, while whoever leads is killed again and again: one run a slot."""

import json
import random
import time
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

pytestmark = [pytest.mark.server, pytest.mark.slow]
SECOND = timedelta(seconds=1)


def slots(fleet, schedule):
    rows = fleet.rows("SELECT labels FROM runs ORDER BY id")
    labels = [json.loads(row["labels"]) for row in rows]
    found = [label["slot"] for label in labels if label["schedule"] == schedule]
    return [datetime.fromisoformat(slot) for slot in found]


@pytest.mark.timeout(400)
def test_every_slot_has_one_run_however_often_the_leader_dies(fleet):
    fleet.agent("ticker", "schedule: {every: 1s, overlap: allow, input: Tick.}\n")
    fleet.agent("jumper", "schedule: {every: 2s, overlap: allow, jitter: 3s, input: Jump.}\n")
    for _ in range(3):
        fleet.start()
    luck = random.Random(7)
    for turn in range(9):
        leader = fleet.leader()
        time.sleep(luck.uniform(0.2, 2.0))
        if turn % 3 == 2:  # it sleeps past its lease, and wakes to find another leading
            fleet.stop(leader)
        else:
            fleet.kill(leader)
            fleet.wake()
            fleet.start()
    fleet.wake()
    fleet.leader()
    time.sleep(5)
    for name, step in (("ticker", SECOND), ("jumper", 2 * SECOND)):
        found = sorted(slots(fleet, name))
        assert len(found) == len(set(found)), "a slot has two runs"
        assert len(found) > 5
        gaps = [(one, two) for one, two in pairwise(found) if two - one != step]
        assert gaps == [], "a slot has no run"
        kept = fleet.schedules()[name]
        assert (kept.get("missed", 0), kept.get("skipped", 0)) == (0, 0)
    [lease] = fleet.rows("SELECT fence FROM leases WHERE name = 'coordinator'")
    assert lease["fence"] > 6
