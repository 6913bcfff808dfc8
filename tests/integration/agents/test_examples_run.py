"""Examples with commands: real processes, in a sandbox where there is one."""

from pathlib import Path

import msgspec
import pytest

from folkmoot.agents.load import load_file
from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.signals import Vote
from folkmoot.core.task import Task

EXAMPLES = Path(__file__).parents[3] / "examples"

pytestmark = pytest.mark.slow


def app(tmp_path, agent):
    given = load(
        store="memory://", agents=tmp_path / "none", workspaces=tmp_path, log_level="error"
    )
    return App(given, [agent], env={})


def example(tmp_path, name):
    agent = load_file(EXAMPLES / f"{name}.yaml", workspaces=tmp_path)
    return msgspec.structs.replace(agent, workspace=str(tmp_path / "workspace"))


async def test_chaos_uses_a_tool_of_every_effect_class(tmp_path):
    agent = example(tmp_path, "chaos")
    async with app(tmp_path, agent).running() as desk:
        run = (await desk.submit(Task(agent="chaos", input="Go."))).run
        run = await desk.finished(run.id)
    assert run.output == (
        "Ticked off: first, second.\nLines: 6.\nRuns of the command in this workspace: 1."
    )
    assert (tmp_path / "workspace" / "notes" / "two.md").read_text() == "# Two\n\n- [x] second\n"
    assert (tmp_path / "workspace" / "counted.log").read_text() == "counted\n"


@pytest.mark.parametrize(
    ("approve", "said"), [(True, "This system is Linux."), (False, "I was not allowed to look:")]
)
async def test_ask_waits_for_a_person_and_does_what_they_say(tmp_path, approve, said):
    async with app(tmp_path, example(tmp_path, "ask")).running() as desk:
        run = (await desk.submit(Task(agent="ask", input="Which system?"))).run
        run = await desk.finished(run.id)
        assert run.state == "waiting"
        [question] = await desk.questions(run.id)
        assert question.args == {"command": "uname -s"}
        await desk.tell(run.id, Vote(question.approval, approve=approve, by="ann"))
        while not run.state.final:
            run = await desk.finished(run.id)
    assert run.output.startswith(said)
