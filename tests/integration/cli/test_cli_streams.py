"""What a process writes to a terminal or a pipe, whatever its encoding and its end."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PROGRAM = "import sys; from folkmoot.cli.main import main; sys.exit(main())"
CALL = [sys.executable, "-c", PROGRAM]


def folkmoot(*words, cwd, stdin=b"", encoding="utf-8"):
    env = os.environ | {"PYTHONIOENCODING": f"{encoding}:strict", "FOLKMOOT_STORE": "memory://"}
    return subprocess.run(
        [*CALL, *words], cwd=cwd, input=stdin, env=env, capture_output=True, check=False
    )


@pytest.fixture
def agents(tmp_path):
    (tmp_path / "agents").mkdir()
    text = "name: a\ninstructions: Work.\nmodel: keywords:a\ndescription: Grüße 😀\n"
    (tmp_path / "agents" / "a.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_terminal_that_lacks_a_character_ends_no_command(agents):
    shown = folkmoot("agents", "list", cwd=agents, encoding="ascii")
    assert (shown.returncode, b"Gr??e ?" in shown.stdout) == (0, True)
    listed = folkmoot("agents", "list", "--json", cwd=agents, encoding="ascii")
    [agent] = json.loads(listed.stdout)["agents"]
    assert agent["description"] == "Grüße 😀"


def test_bytes_that_are_no_text_are_refused_as_words_and_on_stdin(agents):
    word = folkmoot("show", b"gr\xfc", cwd=agents)
    assert (word.returncode, b"is no text" in word.stderr) == (2, True)
    piped = folkmoot("submit", "a", "-", cwd=agents, stdin=b"gr\xfc")
    assert (piped.returncode, b"not utf-8" in piped.stderr) == (2, True)


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_a_reader_that_goes_away_is_an_interruption_and_no_failed_run(agents, how):
    reading, writing = os.pipe()
    os.close(reading)
    words = [*CALL, "agents", "list", "--store", "memory://", *how]
    gone = subprocess.run(words, cwd=agents, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (130, b"")


def test_no_stdout_at_all_is_no_fault(agents):
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *CALL, "agents", "list", "--store", "memory://"]
    done = subprocess.run(closed, cwd=agents, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
