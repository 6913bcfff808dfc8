"""What reaches a terminal, whatever its width."""

import io

import pytest

from folkmoot.cli.output import Output

RUN = "run_01a21919fc53e15490092875bb74"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_a_table_never_cuts_a_name_however_narrow_the_terminal(monkeypatch, width):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    row = [RUN, "reader", "succeeded", "2026-11-26 18:24:23", "$0.00", "I have read it. " * 8]
    Output().table(("run", "agent", "state", "updated", "spend", "outcome"), [row, row])
    shown = terminal.getvalue()
    for cell in row[:-1]:
        assert shown.count(cell) == 2
