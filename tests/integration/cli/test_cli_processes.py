import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PATIENCE_S = 60


def test_from_nothing_to_a_verified_run(moot):
    assert moot("init").returncode == 0
    done = moot("run", "hello", "Hello!")
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout
    shown = moot.json("show", "last")
    assert [entry["kind"] for entry in shown["journal"]] == [
        "run.created",
        "model.called",
        "model.replied",
        "run.succeeded",
    ]
    assert moot.json("ledger", "verify")["broken"] == []
    assert moot.json("doctor")["ok"]
    assert moot.json("agents", "check")["files"][0]["ok"]


def test_a_touched_journal_is_found_without_a_running_system(moot):
    moot("init")
    moot("run", "hello", "Hello!")
    code = (
        "import sqlite3; base = sqlite3.connect('.folkmoot/folkmoot.db');"
        "base.execute(\"update entries set body = cast(replace(cast(body as text), 'Hello!',"
        " 'Hallo!') as blob)"
        ' where seq = 1"); base.commit()'
    )
    subprocess.run([sys.executable, "-c", code], cwd=moot.folder, check=True)
    done = moot("ledger", "verify", "--json")
    assert done.returncode == 1
    assert [place["seq"] for place in json.loads(done.stdout)["broken"]] == [1]


def test_one_process_submits_another_works_a_third_watches(moot):
    moot("init")
    system, ready = moot.up()
    run = moot("submit", "hello", "Hello!").stdout.strip()
    watched = moot("tail", run)
    assert watched.returncode == 0, watched.stderr
    assert "result: Hello." in watched.stdout
    with urllib.request.urlopen(f"{ready['url']}/health/ready") as health:
        assert health.status == 200
    system.send_signal(signal.SIGTERM)
    assert system.wait(PATIENCE_S) == 0


def test_a_message_a_pause_and_a_cancel_reach_a_run_in_another_process(moot, asks):
    moot.up()
    run = moot("submit", asks, "Look.").stdout.strip()
    moot.until(run, "waiting")
    assert moot.json("pause", run)["new"]
    assert moot.json("say", run, "Take your time.")["new"]
    assert moot.json("cancel", run, "--reason", "Enough.")["workers"] == 1
    assert moot.until(run, "cancelled")["state"] == "cancelled"
    assert moot("say", run, "Hello?").returncode == 5


@pytest.mark.parametrize(("word", "answer"), [("approve", "Looked: yes."), ("deny", "Looked: no.")])
def test_an_answer_survives_that_nobody_is_there_to_hear_it(moot, asks, word, answer):
    system, _ = moot.up()
    run = moot("submit", asks, "Look.").stdout.strip()
    moot.until(run, "waiting")
    system.send_signal(signal.SIGKILL)
    system.wait()
    [asked] = moot.json("questions")["questions"]
    assert asked["run"] == run
    assert moot(word, run).returncode == 0
    moot.up()
    found = moot.until(run, "succeeded")
    assert found["output"] == answer
    assert (moot.folder / "work" / "looked.log").exists() is (word == "approve")


def test_an_interrupted_run_goes_on_in_another_process(moot):
    (moot.folder / "work").mkdir()
    name = moot.agent(
        "steps",
        """
model:
  provider: scripted
  turns:
    - text: I write.
      calls: [{tool: files_write, args: {path: a.txt, content: x}}]
    - text: I wait.
      calls: [{tool: shell, args: {command: "echo begun >> begun.log; test -e go || sleep 60"}}]
    - {text: Done.}
tools: [files_write, shell]
sandbox: {kind: bubblewrap, plain_process: true}
limits: {tool_time: 2m}
workspace: ../work
""",
    )
    moot.env["FOLKMOOT_GRACE_S"] = "0.1"
    running = moot.start("run", name, "Go.", "--json")
    run = json.loads(running.stdout.readline())["run"]
    log = moot.folder / "work" / "begun.log"
    deadline = time.monotonic() + PATIENCE_S
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    assert running.wait(PATIENCE_S) == 130
    (moot.folder / "work" / "go").touch()
    moot.up()
    assert moot.until(run, "succeeded")["output"] == "Done."
    kinds = [entry["kind"] for entry in moot.json("show", run)["journal"]]
    assert kinds.count("tool.doubted") == 1  # the command was cut off: in doubt, not repeated
    assert log.read_text() == "begun\n"


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(moot, slow, begun):
    moot.env["FOLKMOOT_GRACE_S"] = "0.1"
    running = moot.start("run", slow, "Go.")
    begun()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130, err
    assert "folkmoot up" in err
    assert "Traceback" not in err
    [run] = moot.json("runs")["runs"]
    assert run["state"] == "queued"
    assert run["id"] in err


def test_a_second_ctrl_c_does_not_wait_for_the_step(moot, slow, begun):
    moot.env["FOLKMOOT_GRACE_S"] = "60"
    running = moot.start("run", slow, "Go.")
    begun()
    running.send_signal(signal.SIGINT)
    while "Stopping" not in running.stderr.readline():
        pass
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert time.monotonic() - began < 5
    assert "Traceback" not in err
    assert "is kept" in err


def test_a_stopped_system_hands_its_runs_over(moot, slow, begun):
    moot.env["FOLKMOOT_GRACE_S"] = "0.2"
    system, _ = moot.up()
    run = moot("submit", slow, "Go.").stdout.strip()
    begun()
    system.send_signal(signal.SIGTERM)
    out, err = system.communicate(timeout=20)
    assert system.returncode == 0, err
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["stopping", "stopped"]
    assert moot.json("show", run)["run"]["state"] == "queued"
    assert moot.json("ledger", "verify")["broken"] == []


def test_a_second_signal_stops_at_once_and_loses_nothing(moot, slow, begun):
    moot.env["FOLKMOOT_GRACE_S"] = "60"
    system, _ = moot.up()
    run = moot("submit", slow, "Go.").stdout.strip()
    begun()
    system.send_signal(signal.SIGTERM)
    assert json.loads(system.stdout.readline())["event"] == "stopping"
    stopping = time.monotonic()
    system.send_signal(signal.SIGTERM)
    assert system.wait(PATIENCE_S) == 130
    assert time.monotonic() - stopping < 5
    assert moot.json("ledger", "verify")["broken"] == []
    moot.up()
    kinds = [entry["kind"] for entry in moot.json("show", run)["journal"]]
    assert kinds[0] == "run.created"
    assert moot.until(run, "succeeded")["output"] == "Done."


def test_no_process_of_a_run_outlives_a_killed_system(moot, slow, begun):
    if not os.access("/usr/bin/bwrap", os.X_OK):
        pytest.skip("a plain process does not promise this")
    system, _ = moot.up()
    moot("submit", slow, "Go.")
    begun()
    system.send_signal(signal.SIGKILL)
    system.wait()
    deadline = time.monotonic() + 5
    while _left(str(moot.folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _left(str(moot.folder)) == []


def _left(folder: str) -> list[str]:
    """Return the command lines of processes that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            found += [line] if folder in line else []
    return found


def test_a_person_at_a_real_terminal_approves(moot, asks):
    master, seat = pty.openpty()
    running = moot.start("run", asks, "Look.", stdin=seat, stdout=seat, stderr=seat)
    os.close(seat)
    shown = b""
    while b"approve?" not in shown:
        shown += os.read(master, 4096)
    os.write(master, b"y\n")
    with suppress(OSError):  # the other side of the terminal is closed
        while piece := os.read(master, 4096):
            shown += piece
    assert running.wait(PATIENCE_S) == 0
    assert b"Looked: yes." in shown
    os.close(master)


def test_no_reader_is_no_traceback(moot):
    moot("init")
    moot("run", "hello", "Hello!")
    read, write = os.pipe()
    os.close(read)
    running = moot.start("show", "last", "--json", stdout=write)
    os.close(write)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert err == ""


def test_the_crash_matrix_runs_on_a_users_agent(moot):
    moot("init")
    done = moot("chaos", "agents/hello.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"boundaries", "kills", "lost", "repeated", "doubled", "in_doubt"}
    assert found["kills"] > 0
    assert (found["lost"], found["repeated"], found["doubled"]) == (0, 0, 0)
