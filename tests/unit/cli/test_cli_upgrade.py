"""`folkmoot upgrade check`, over real journals in a real store."""

import asyncio

import pytest

from folkmoot.app import App
from folkmoot.cli.main import main
from folkmoot.config import load
from folkmoot.core.task import Task

ASKS = """
name: asks
instructions: Look.
model:
  provider: scripted
  turns:
    - calls: [{tool: files_glob, args: {pattern: "*"}}]
    - text: Done.
tools: [files_glob]
approvals: [{match: "tool:files_glob"}]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder in whose store a run waits for a person."""
    monkeypatch.chdir(tmp_path)
    for name in ("agents", "new", ".folkmoot/workspaces/asks"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "agents" / "asks.yaml").write_text(ASKS)

    async def wait():
        async with App(load(log_level="error"), env={}).running() as desk:
            run = (await desk.submit(Task(agent="asks", input="Look."))).run.id
            return (await desk.finished(run)).id

    return tmp_path, asyncio.run(wait())


@pytest.fixture
def check(capsys):
    def call(*argv):
        capsys.readouterr()
        return main(["upgrade", "check", *argv]), capsys.readouterr()

    return call


def test_a_run_that_would_differ_is_named_with_how(place, check):
    folder, run = place
    (folder / "new" / "asks.yaml").write_text(
        ASKS.replace("tools: [files_glob]", "tools: []").replace("tool:files_glob", "tool:*")
    )
    code, said = check("new")
    assert code == 1
    assert f"{run}  asks  waiting for approval  would differ" in said.out
    assert "there is no such tool" in said.out
    code, said = check("new/asks.yaml", "--json")
    assert code == 1
    assert '"what": "tool"' in said.out or '"what":"tool"' in said.out


def test_a_run_whose_next_step_is_the_same_is_well(place, check):
    folder, _ = place
    (folder / "new" / "asks.yaml").write_text(ASKS.replace("Look.", "Look well."))
    code, said = check("new")
    assert code == 0
    assert "later  instructions" in said.out
    assert "0 would go on differently. Nothing was changed." in said.out


def test_the_same_definition_has_nothing_to_tell(place, check):
    code, said = check("agents", "--json")
    assert (code, said.out.strip().replace(" ", "")) == (0, '{"agents":["asks"],"runs":[]}')


def test_a_file_with_mistakes_is_refused(place, check):
    (place[0] / "new" / "asks.yaml").write_text("name: asks\noops: 1\n")
    for argv in ("new", "new/asks.yaml"):
        code, said = check(argv)
        assert code == 2
        assert "oops" in said.err
