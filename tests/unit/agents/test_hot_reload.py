"""A definition changes under a running system: runs keep the one they began with."""

import pytest

from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.signals import Vote
from folkmoot.core.task import Task
from folkmoot.ports.desk import Part
from folkmoot.testing.clock import FakeClock

ASKS = """
name: asks
instructions: Look.
model:
  provider: scripted
  turns:
    - calls: [{{tool: files_glob, args: {{pattern: "*"}}}}]
    - text: {word}
tools: [files_glob]
approvals: [{{match: "tool:files_glob"}}]
"""


class Place:
    """A folder with one agent, and systems over it that share a store."""

    def __init__(self, folder):
        self.folder, self.clock, self.store = folder, FakeClock(), "memory://"
        (folder / "agents").mkdir()
        (folder / "spaces" / "asks").mkdir(parents=True)

    def write(self, text):
        (self.folder / "agents" / "asks.yaml").write_text(text)

    def app(self):
        given = load(
            store=self.store,
            agents=self.folder / "agents",
            workspaces=self.folder / "spaces",
            log_level="error",
        )
        return App(given, clock=self.clock, env={})


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    made.write(ASKS.format(word="one"))
    return made


async def asked(desk):
    """Submit a task, and return its run when it waits for a person."""
    run = (await desk.submit(Task(agent="asks", input="Look."))).run
    waiting = await desk.finished(run.id)
    assert waiting.waits_for == "approval"
    return waiting


async def answered(desk, run):
    """Say yes, and return the run's answer."""
    [question] = await desk.questions(run.id)
    await desk.tell(run.id, Vote(question.approval, approve=True, by="ann"))
    async for _ in desk.follow(run.id):
        pass
    return (await desk.run(run.id)).output


async def test_a_reload_tells_what_has_changed(place):
    async with place.app().opened() as desk:  # nobody watches the folder here
        assert (await desk.reload()).changed == ()
        place.write(ASKS.format(word="two"))
        assert (await desk.reload()).changed == ("asks",)
        assert (await desk.reload()).changed == ()


async def test_a_waiting_run_goes_on_as_it_began_and_a_new_one_takes_the_new(place):
    async with place.app().running() as desk:
        old = await asked(desk)
        place.write(ASKS.format(word="two"))
        await desk.reload()
        new = await asked(desk)
        assert new.definition != old.definition
        assert await answered(desk, old) == "one"
        assert await answered(desk, new) == "two"


async def test_another_process_goes_on_with_the_definition_in_the_store(place):
    place.store = f"sqlite:///{place.folder}/moot.db"
    async with place.app().running() as desk:
        old = await asked(desk)
    (place.folder / "agents" / "asks.yaml").unlink()
    async with place.app().running() as desk:
        assert desk.agents() == []
        assert await answered(desk, old) == "one"


async def test_a_broken_file_is_told_in_health_and_by_the_reload(place):
    async with place.app().running() as desk:
        place.write("name: asks\noops: 1\n")
        found = await desk.reload("asks")
        assert (found.agents, found.kept) == (("asks",), ("asks",))
        assert any("oops" in mistake for mistake in found.mistakes)
        part = next(part for part in (await desk.health()).parts if part.name == "agents")
        assert (part.ok, part.critical) == (False, False)
        assert "as they were before a mistake: asks" in part.detail
        assert await answered(desk, await asked(desk)) == "one"


async def test_agents_that_are_well_say_how_many_and_from_where(place):
    async with place.app().opened() as desk:
        parts = {part.name: part for part in (await desk.health()).parts}
    detail = f"1 agents from {place.folder / 'agents'}"
    assert parts["agents"] == Part(name="agents", ok=True, detail=detail, critical=False)
