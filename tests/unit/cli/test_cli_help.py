import subprocess
import sys

import pytest
from typer.main import get_command

from folkmoot.cli.lazy import _Commands
from folkmoot.cli.table import COMMANDS

HEAVY = {
    "msgspec",
    "pydantic",
    "rich",
    "asyncio",
    "sqlite3",
    "fastapi",
    "httpx",
    "structlog",
    "yaml",
}


def test_help_names_every_command_and_what_it_does(folkmoot):
    said = folkmoot("--help")
    assert said.code == 0
    for name, line in COMMANDS.items():
        assert f"  {name}" in said.out
        assert line.help in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name):
    assert _Commands()[name].help.splitlines()[0] == COMMANDS[name].help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_json(name):
    command = _Commands()[name]
    several = getattr(command, "commands", {"": command}).values()
    for one in several:
        assert "--json" in {option for param in one.params for option in param.opts}


def test_help_imports_nothing_of_weight():
    code = (
        "import sys; from folkmoot.cli.main import main; main(['--help']);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "folkmoot" in done.stderr.split()
    assert not HEAVY & set(done.stderr.split())


def test_help_of_one_command_names_its_options(folkmoot):
    said = folkmoot("run", "--help")
    assert said.code == 0
    for option in ("--workspace", "--model", "--key", "--plugin", "--store", "--json", "--quiet"):
        assert option in said.out


def test_version_is_the_packages(folkmoot):
    from folkmoot import __version__  # noqa: PLC0415

    assert folkmoot("--version").out == f"folkmoot {__version__}\n"


def test_an_unknown_command_is_a_usage_error_with_a_hint(folkmoot):
    said = folkmoot("rums")
    assert said.code == 2
    assert "runs" in said.err
    assert not said.out


def test_an_unknown_option_is_a_usage_error(folkmoot):
    assert folkmoot("runs", "--no-such").code == 2


def test_completion_knows_the_commands(monkeypatch, capsys):
    from folkmoot.cli.main import _app  # noqa: PLC0415

    monkeypatch.setenv("_FOLKMOOT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "folkmoot ap")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        get_command(_app).main(args=[], prog_name="folkmoot")
    assert "approve" in capsys.readouterr().out.split()
