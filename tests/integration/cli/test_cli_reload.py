"""Real files, real signals, real processes: agents change under a running system."""

import json
import os
import pty
import signal
import time
import urllib.request

import pytest

PATIENCE_S = 20
ASKS = """
model:
  provider: scripted
  turns:
    - calls: [{{tool: files_glob, args: {{pattern: "*"}}}}]
    - text: {word}
tools: [files_glob]
approvals: [{{match: "tool:files_glob"}}]
description: {word}
"""


def described(url, name):
    with urllib.request.urlopen(f"{url}/v1/agents") as answer:
        agents = json.load(answer)["agents"]
    return {agent["name"]: agent["description"] for agent in agents}.get(name)


def until_described(url, name, word):
    deadline = time.monotonic() + PATIENCE_S
    while described(url, name) != word:
        assert time.monotonic() < deadline, f"{name} is not {word!r} yet"
        time.sleep(0.05)


def test_a_written_file_is_taken_and_a_broken_one_is_not(moot):
    moot.agent("asks", ASKS.format(word="one"))
    _, ready = moot.up()
    moot.agent("asks", ASKS.format(word="two"))
    until_described(ready["url"], "asks", "two")
    moot.agent("asks", "oops: 1")
    moot.agent("late", ASKS.format(word="late"))
    until_described(ready["url"], "late", "late")
    assert described(ready["url"], "asks") == "two"
    with urllib.request.urlopen(f"{ready['url']}/health") as answer:
        health = json.load(answer)
    assert health["ready"]
    assert health["failing"] == ["agents"]


def test_a_folder_that_is_a_link_to_another_release(moot):
    for word in ("one", "two"):
        (moot.folder / word).mkdir()
        text = f"name: asks\ninstructions: Do it.\n{ASKS.format(word=word)}"
        (moot.folder / word / "asks.yaml").write_text(text)
    (moot.folder / "agents").symlink_to("one")
    _, ready = moot.up()
    (moot.folder / "next").symlink_to("two")
    (moot.folder / "next").rename(moot.folder / "agents")
    until_described(ready["url"], "asks", "two")


def test_a_waiting_run_survives_restart_and_change(moot):
    moot.agent("asks", ASKS.format(word="one"))
    system, ready = moot.up()
    old = moot("submit", "asks", "Look.").stdout.strip()
    moot.until(old, "waiting")
    moot.agent("asks", ASKS.format(word="two"))
    until_described(ready["url"], "asks", "two")
    system.send_signal(signal.SIGKILL)
    system.wait()
    moot.up()
    new = moot("submit", "asks", "Look.").stdout.strip()
    moot.until(new, "waiting")
    for run, word in ((old, "one"), (new, "two")):
        moot("approve", run)
        assert moot.until(run, "succeeded")["output"] == word


@pytest.mark.parametrize("command", ["up", "worker"])
def test_a_hangup_reads_again_and_goes_on(moot, command):
    moot.agent("asks", ASKS.format(word="one"))
    argv = ["--port", "0"] if command == "up" else []
    system = moot.start(command, *argv, "--json", start_new_session=True)
    assert json.loads(system.stdout.readline())["event"] == "ready"
    moot.agent("late", "model: keywords:a")
    system.send_signal(signal.SIGHUP)
    told = json.loads(system.stdout.readline())
    assert (told["event"], told["agents"]) == ("reloaded", ["asks", "late"])
    system.send_signal(signal.SIGTERM)
    assert system.wait(PATIENCE_S) == 0


def test_a_terminal_that_is_closed_stops_it(moot):
    moot.agent("asks", ASKS.format(word="one"))
    pid, master = pty.fork()
    if pid == 0:  # the child: the terminal is its own
        os.chdir(moot.folder)
        argv = [str(moot.program), "up", "--port", "0", "--json"]
        os.execve(argv[0], argv, moot.env)
    shown = b""
    while b'"ready"' not in shown:
        shown += os.read(master, 4096)
    os.close(master)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert os.WIFEXITED(status)
