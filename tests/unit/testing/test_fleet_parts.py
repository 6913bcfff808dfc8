"""What of a fleet needs no process: wrong clocks, tasks, agent files."""

import pytest

from folkmoot.agents.load import load_file
from folkmoot.testing.fleet import agents
from folkmoot.testing.fleet.plugin import Ask
from folkmoot.testing.fleet.shifted import Shift, wrong


def test_a_shifted_clock_is_as_wrong_as_its_file_says_and_jumps_with_it(tmp_path):
    shift = Shift(tmp_path / "shift")
    clock = wrong(shift.path, lambda: 1_000_000_000)
    assert clock() == 1_000_000_000
    shift.set(3600)
    assert clock() == 3_601_000_000_000
    shift.set(-0.5)
    assert clock() == 500_000_000


def test_a_task_says_its_key_and_what_is_held():
    ask = Ask(key="t-1", hold="post", hold_s=2.0)
    assert ask.text() == '{"key":"t-1","hold":"post","hold_s":2.0}'
    assert Ask(key="t-1").text() == '{"key":"t-1"}'


@pytest.mark.parametrize("name", [agents.WORKS, agents.WAITS, agents.LAPSES, agents.PATIENT])
def test_the_agents_of_a_fleet_are_agents(tmp_path, name):
    agents.write(tmp_path)
    agent = load_file(tmp_path / f"{name}.yaml", workspaces=tmp_path)
    assert agent.name == name
    assert bool(agent.approvals) == (name != agents.WORKS)
