"""How long a person waits, measured against a bare interpreter in the same run.

The best of a few is taken: other work on the machine can only make it slower, never faster.
"""

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

HELP_S = 0.3
READY_S = 2.0


def took(act, times: int = 5) -> float:
    """Return the shortest of some durations, in seconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return min(found)


def bare() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def test_help_is_there_at_once(moot):
    assert took(lambda: moot("--help")) - took(bare) < HELP_S


def test_the_system_is_ready_soon(moot):
    moot("init")
    found = []
    for _ in range(3):
        began = time.perf_counter()
        system, ready = moot.up()
        found.append(time.perf_counter() - began)
        assert ready["event"] == "ready"
        system.kill()
        system.wait()
    assert min(found) - took(bare) < READY_S
