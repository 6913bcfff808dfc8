"""The crash matrix on the example agent: real processes, SIGKILL at every write of the journal."""

from pathlib import Path

import pytest

from folkmoot.core.errors import FolkmootError
from folkmoot.testing.chaos import matrix

ROOT = Path(__file__).parents[3]
ASK = """
name: asks
instructions: Do it.
model:
  provider: scripted
  name: inline
  turns:
    - {when: {turn: 0}, text: First., calls: [{tool: files_write, args: {path: a.txt, content: x}}]}
    - {text: Done.}
tools: [files_write]
approvals: [{match: "files:write"}]
"""
FAILS = """
name: fails
instructions: Do it.
model: {provider: scripted, name: inline, turns: [{text: never, fault: auth}]}
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_boundary_loses_a_run_or_repeats_or_doubles_anything() -> None:
    found = matrix.run(ROOT / "examples" / "chaos.yaml")
    assert found["notes"] == []
    assert (found["lost"], found["repeated"], found["doubled"]) == (0, 0, 0)
    assert found["boundaries"] >= 25
    assert found["kills"] == 2 * found["boundaries"]
    assert found["in_doubt"] >= 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_approvals_survive_every_boundary(tmp_path: Path) -> None:
    file = tmp_path / "asks.yaml"
    file.write_text(ASK)
    found = matrix.run(file)
    assert found["notes"] == []
    assert (found["lost"], found["repeated"], found["doubled"]) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_boundary_of_a_conversation_loses_or_repeats_a_message() -> None:
    found = matrix.run(ROOT / "examples" / "continuous.yaml")
    assert found["notes"] == []
    assert (found["lost"], found["repeated"], found["doubled"]) == (0, 0, 0)
    assert found["boundaries"] >= 25
    assert found["kills"] >= found["boundaries"]


@pytest.mark.slow
def test_an_agent_that_fails_undisturbed_is_not_tried(tmp_path: Path) -> None:
    file = tmp_path / "fails.yaml"
    file.write_text(FAILS)
    with pytest.raises(FolkmootError, match="Undisturbed"):
        matrix.run(file)
