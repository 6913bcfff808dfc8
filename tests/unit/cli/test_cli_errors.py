import json

import pytest

from folkmoot.cli import exits
from folkmoot.cli.exits import Exit
from folkmoot.core import entries as e
from folkmoot.core import errors
from folkmoot.core.errors import FolkmootError
from folkmoot.core.run import RunState


def _tree(kind: type[FolkmootError]) -> list[type[FolkmootError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _tree(child))]


OURS = [kind for kind in _tree(FolkmootError) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_no_error_of_ours_shows_a_traceback(kind, folkmoot, desk):
    desk.fault = kind("It broke.", kept="The journal.", todo="Look.")
    said = folkmoot("runs")
    assert said.code == exits.of_error(desk.fault) != 0
    assert said.err.splitlines() == [
        f"error: It broke. [{kind.code}]",
        "kept:  The journal.",
        "to do: Look.",
    ]
    assert not said.out


def test_an_error_for_machines_is_json_on_stderr(folkmoot, desk):
    desk.fault = errors.StoreFull("Full.", kept="All.", free=0)
    said = folkmoot("runs", "--json")
    assert not said.out
    assert json.loads(said.err) == {
        "error": "STORE_FULL",
        "message": "Full.",
        "kept": "All.",
        "todo": errors.StoreFull.todo_default,
        "details": {"free": 0},
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs", "--limit", "0"], "--limit"),
        (["show"], "RUN"),
        (["shwo"], "shwo"),
        (["run", "--nope"], "--nope"),
        (["ledger", "nope"], "nope"),
    ],
)
def test_a_wrong_use_for_machines_is_json_on_stderr_too(folkmoot, words, message):
    said = folkmoot(*words, "--json")
    told = json.loads(said.err)
    assert (said.code, said.out, told["error"]) == (2, "", "INVALID")
    assert message in told["message"]
    assert told["todo"].startswith("See `folkmoot")


def test_json_behind_two_dashes_is_text(folkmoot, desk):
    desk.fault = errors.StoreFull("Full.")
    assert folkmoot("say", "--", "run_1", "--json").err.startswith("error: ")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.AgentFileInvalid, Exit.USAGE),
        (errors.SettingsInvalid, Exit.USAGE),
        (errors.RunUnknown, Exit.MISSING),
        (errors.BudgetSpent, Exit.REFUSED),
        (errors.WrongState, Exit.CONFLICT),
        (errors.KeyReused, Exit.CONFLICT),
        (errors.StoreFull, Exit.TROUBLE),
        (errors.SandboxFault, Exit.TROUBLE),
        (errors.RateLimited, Exit.TROUBLE),
    ],
)
def test_the_family_of_an_error_decides_the_code(kind, code):
    assert exits.of_error(kind()) is code


@pytest.mark.parametrize(
    ("state", "code"),
    [(RunState.SUCCEEDED, 0), (RunState.FAILED, 1), (RunState.CANCELLED, 1), (RunState.REFUSED, 4)],
)
def test_the_end_of_a_run_decides_the_code(state, code):
    assert exits.of_state(state) == code


def test_every_code_has_a_meaning():
    assert set(exits.MEANING) == set(Exit)


def test_settings_with_a_mistake_are_a_usage_error(folkmoot, monkeypatch):
    monkeypatch.setenv("FOLKMOOT_PORT", "many")
    said = folkmoot("runs")
    assert said.code == 2
    assert "FOLKMOOT_PORT" in said.err


def test_a_hostile_error_cannot_steer_the_terminal(folkmoot, desk):
    desk.fault = errors.RunUnknown("There is no run \x1b[2J.")
    assert "\x1b" not in folkmoot("runs").err


def test_a_reader_that_went_away_is_no_traceback(folkmoot, monkeypatch, desk, started):
    started()

    def gone(*_):
        raise BrokenPipeError

    monkeypatch.setattr("folkmoot.cli.lazy._forget_stdout", lambda: None)
    monkeypatch.setattr("folkmoot.cli.output.Output.document", gone)
    assert folkmoot("runs", "--json").code == Exit.INTERRUPTED


def test_what_a_run_no_longer_hears_comes_with_what_to_do(folkmoot, started):
    run = started(e.Succeeded(output="Done."))
    said = folkmoot("pause", run)
    assert (said.code, "folkmoot show" in said.err) == (5, True)
