"""How long a person waits, measured against a bare interpreter in the same run."""

import subprocess
import sys
import time
from statistics import median

import pytest

pytestmark = pytest.mark.slow

HELP_S = 0.3
READY_S = 2.0


def took(act, times: int = 5) -> float:
    """Return the middle of some durations, in seconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return median(found)


def bare() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


@pytest.mark.parametrize("argv", [["--help"], ["--version"]])
def test_help_is_there_at_once(moot, argv):
    assert took(lambda: moot(*argv)) - took(bare) < HELP_S


def test_the_system_is_ready_soon(moot):
    moot("init")
    began = time.perf_counter()
    _, ready = moot.up()
    waited = time.perf_counter() - began
    assert ready["event"] == "ready"
    assert waited - took(bare) < READY_S
