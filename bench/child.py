"""Measured programs run in processes of their own, so that none inherits another's memory or garbage."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.ruler import ROOT

TIMEOUT_S = 900


class Failed(Exception):
    """A measured program did not give its figures; the text says why."""


def measure(
    module: str,
    *args: str,
    python: Path | str = sys.executable,
    extra: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Run a module, with some more variables, and return the JSON of its last line. Raises Failed."""
    command = [str(python), "-m", module, *args]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**environment(), **(extra or {})},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{module} was not done after {TIMEOUT_S} s") from None
    if done.returncode:
        raise Failed(f"{module} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return last_line(module, done.stdout)


def last_line(module: str, said: str) -> dict[str, Any]:
    """Return the JSON object in the last line of what a program printed. Raises Failed."""
    lines = said.strip().splitlines()
    try:
        value = json.loads(lines[-1]) if lines else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Failed(f"{module} printed no JSON object in its last line")
    return value


def environment() -> dict[str, str]:
    """Return our environment without the reader's own Folkmoot settings: they would be measured too."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")}
