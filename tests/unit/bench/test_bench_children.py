import sys
from pathlib import Path

import pytest
from bench import child, venv
from bench.__main__ import BENCHES, main, parse
from bench.floor import steps

from folkmoot.core.entries import Entry, broken


def test_the_last_line_is_read_and_not_the_chatter_before_it() -> None:
    assert child.last_line("x", 'warming up\n{"runs_per_s": 1}\n') == {"runs_per_s": 1}


@pytest.mark.parametrize("said", ["", "no json", "[1]", '{"a": 1}\nbye'])
def test_a_program_without_figures_is_a_failure(said: str) -> None:
    with pytest.raises(child.Failed):
        child.last_line("x", said)


def test_a_program_that_breaks_is_a_failure_with_its_words() -> None:
    with pytest.raises(child.Failed, match="No module named"):
        child.measure("bench.not_there")


def test_the_readers_own_settings_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLKMOOT_SYNCHRONOUS", "normal")
    monkeypatch.setenv("PLAIN", "kept")
    assert "FOLKMOOT_SYNCHRONOUS" not in child.environment()
    assert child.environment()["PLAIN"] == "kept"


def test_the_rivals_never_go_into_our_own_venv(tmp_path: Path) -> None:
    binary = tmp_path / "bin" / "python"
    *_, install = venv.commands(tmp_path, binary, venv.REQUIREMENTS)
    assert str(binary) in install
    assert sys.executable not in install


@pytest.mark.parametrize("name", ["requirements.txt", "queues.txt", "arq.txt"])
def test_the_rivals_are_pinned_and_no_index_is_named(name: str) -> None:
    lines = venv.REQUIREMENTS.with_name(name).read_text().splitlines()
    named = [line for line in lines if not line.startswith("    --hash=")]
    assert all("==" in line.split(";")[0] for line in named)
    assert not [line for line in lines if line.startswith("-") or "://" in line]
    for at, line in enumerate(lines):
        assert line not in named or lines[at + 1] not in named, f"{line} has no hash"


def test_rivals_that_cannot_be_installed_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("")
    monkeypatch.setattr(venv, "REQUIREMENTS", wanted)
    monkeypatch.setattr(venv, "commands", lambda *_: [["false"]])
    with pytest.raises(venv.NotInstalled, match="ended with 1"):
        venv.python(tmp_path / "venv")


@pytest.mark.parametrize(
    "line", [["nothing"], ["react3", "--runs", "0"], ["react3", "--rounds", "x"]]
)
def test_a_wrong_command_line_is_refused(line: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(line)
    assert ended.value.code == 2


def test_the_floor_writes_a_chain_that_verifies() -> None:
    written = [line for rows in steps("run_1") for line in rows.entries]
    entries = [
        Entry(run, seq, at, kind, body, hash_) for run, seq, at, kind, body, _, hash_ in written
    ]
    assert len(entries) == 7
    assert broken(entries) is None


def test_without_a_name_all_benches_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert [name for name in (*BENCHES, "all") if not f"\n{said}".count(f"\n{name} ")] == []
