"""`folkmoot` as a process, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLKMOOT = Path(sys.executable).parent / "folkmoot"
PATIENCE_S = 60


class Moot:
    """Calls commands in one folder; ends what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.program = folder, FOLKMOOT
        self.env = {name: value for name, value in os.environ.items() if "FOLKMOOT" not in name}
        self.env |= {"FOLKMOOT_LEASE_S": "2", "FOLKMOOT_HEARTBEAT_S": "0.5"}
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [FOLKMOOT, *argv],
            cwd=self.folder,
            env=self.env | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def json(self, *argv: str) -> Any:
        """Run a command that succeeds, and return the one document that it prints."""
        done = self(*argv, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *argv: str, **more: Any) -> subprocess.Popen[str]:
        """Start a command; read its lines with `line`."""
        process = subprocess.Popen(
            [FOLKMOOT, *argv],
            cwd=self.folder,
            env=self.env,
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            | more,
        )
        self.env |= {"FOLKMOOT_LEASE_S": "2", "FOLKMOOT_HEARTBEAT_S": "0.5"}
        self._started.append(process)
        return process

    def up(self, *argv: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        """Start the system; return it and what it said when it was ready."""
        process = self.start("up", "--port", "0", "--json", *argv)
        return process, json.loads(process.stdout.readline())

    def agent(self, name: str, text: str) -> str:
        """Write an agent file; return its name."""
        (self.folder / "agents").mkdir(exist_ok=True)
        (self.folder / "agents" / f"{name}.yaml").write_text(
            f"name: {name}\ninstructions: Do it.\n{text}"
        )
        return name

    def until(self, run: str, *states: str) -> dict[str, Any]:
        """Wait for a run to be in one of these states; return it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = self.json("show", run)["run"]
            if found["state"] in states:
                return found
        pytest.fail(f"{run} is {found['state']} after {PATIENCE_S} s, not {' or '.join(states)}")

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


@pytest.fixture
def moot(tmp_path) -> Iterator[Moot]:
    system = Moot(tmp_path)
    yield system
    system.close()


SLOW = """
model:
  provider: scripted
  turns:
    - text: I wait.
      calls: [{tool: shell, args: {command: "echo begun >> begun.log; sleep 60"}}]
    - {text: Done.}
tools: [shell]
sandbox: {kind: bubblewrap, plain_process: true}
limits: {tool_time: 2m}
workspace: ../work
"""
ASKS = """
model:
  provider: scripted
  turns:
    - text: I would like to look.
      calls: [{tool: shell, args: {command: "echo looked >> looked.log"}}]
    - {text: "Looked: {{ 'no' if last.error else 'yes' }}."}
tools: [shell]
approvals: [{match: "tool:shell"}]
sandbox: {kind: bubblewrap, plain_process: true}
workspace: ../work
"""


@pytest.fixture
def slow(moot) -> str:
    """An agent whose one command takes a minute, and says when it has begun."""
    (moot.folder / "work").mkdir()
    return moot.agent("slow", SLOW)


@pytest.fixture
def asks(moot) -> str:
    """An agent whose one command needs a person."""
    (moot.folder / "work").mkdir()
    return moot.agent("asks", ASKS)


@pytest.fixture
def begun(moot):
    """Wait until the slow command has begun."""

    def wait() -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not (moot.folder / "work" / "begun.log").exists():
            assert time.monotonic() < deadline, "the command never began"
            time.sleep(0.02)

    return wait
