"""The examples: right for the loader, for editors, and for the system; the offline ones do their work."""

from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
import yaml

from folkmoot.agents import schema
from folkmoot.agents.catalog import Agents
from folkmoot.agents.directory import Directory
from folkmoot.agents.load import Ground, load_file
from folkmoot.agents.shelf import Folder
from folkmoot.app import App
from folkmoot.config import load
from folkmoot.core.task import Task

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
FILES = [EXAMPLES / name for name in Folder(EXAMPLES).names()]
NAMES = [
    "anthropic",
    "ask",
    "chaos",
    "continuous",
    "keywords",
    "ollama",
    "openai",
    "reader",
    "structured",
]


def app(tmp_path, *agents, folder=None):
    given = load(
        store="memory://",
        agents=folder or tmp_path / "none",
        workspaces=tmp_path / "spaces",
        log_level="error",
    )
    return App(given, agents, env={})


async def play(tmp_path, name, task, **fields):
    """Run an example, offline and in memory, and return the finished run."""
    agent = load_file(EXAMPLES / f"{name}.yaml", workspaces=tmp_path)
    agent = msgspec.structs.replace(agent, **fields)
    async with app(tmp_path, agent).running() as desk:
        run = (await desk.submit(Task(agent=name, input=task))).run
        return await desk.finished(run.id)


def test_all_examples_load_as_one_folder():
    catalog = Agents([Directory(EXAMPLES, Ground(workspaces=Path("spaces")))])
    assert [str(mistake) for mistake in catalog.mistakes] == []
    assert catalog.names() == NAMES


def test_the_system_knows_every_tool_program_and_provider_that_they_name(tmp_path):
    catalog = app(tmp_path, folder=EXAMPLES).catalog
    assert [str(mistake) for mistake in catalog.mistakes] == []
    assert catalog.names() == NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_helps_the_editor_and_fits_the_schema(path):
    first, _, _ = path.read_text("utf-8").partition("\n")
    mark, _, where = first.partition("$schema=")
    assert mark == "# yaml-language-server: "
    assert (path.parent / where).resolve() == ROOT / "schemas" / "agent.schema.json"
    validator = jsonschema_rs.validator_for(schema.schema())
    errors = [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))]
    assert errors == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_named_like_its_file_and_says_what_it_is_for(path):
    agent = load_file(path, workspaces=Path("spaces"))
    assert agent.name == path.stem
    assert agent.description


async def test_reader_reports_what_it_really_read(tmp_path):
    folder = tmp_path / "folder"
    (folder / "docs").mkdir(parents=True)
    (folder / "README.md").write_text("# The title | of it\n\nText.\n")
    (folder / "docs" / "deep.rst").write_text("Deep words\n" * 1000)
    (folder / "main.py").write_text('"""Does {{ 7 * 7 }}."""\n')
    (folder / "empty.txt").write_text("")
    (folder / "broken.md").write_bytes(b"\x00\x01")
    run = await play(tmp_path, "reader", "Write report.md.", workspace=str(folder))
    assert (run.state, run.error) == ("succeeded", "")
    report = (folder / "report.md").read_text()
    assert "- Found: 5 texts and sources (2 md, 1 py, 1 rst, 1 txt)." in report
    assert "- Read: 4 of them, with 1004 lines;" in report
    assert "- At the top: README.md, broken.md, docs/, empty.txt, main.py." in report
    assert "| `README.md` | 3 | The title / of it |" in report
    assert "| `docs/deep.rst` | 1000 | Deep words |" in report
    assert "| `main.py` | 1 | Does {{ 7 * 7 }}. |" in report, "what is read is never a template"
    assert "- `broken.md` is not text (2 bytes)." in report
    assert run.output.startswith("I read 4 files, ")
    assert run.spend.tool_calls == 3 + 1 + 5 + 1


async def test_reader_writes_its_own_report_when_the_task_names_none(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "README.md").write_text("# Keep me\n")
    run = await play(tmp_path, "reader", "Look at README.md.", workspace=str(folder))
    assert run.state == "succeeded"
    assert (folder / "README.md").read_text() == "# Keep me\n"
    assert "# What is in this folder" in (folder / "folkmoot-report.md").read_text()


async def test_reader_has_something_to_say_about_an_empty_folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    run = await play(tmp_path, "reader", "Read.", workspace=str(folder))
    assert run.output.startswith("I read 0 files, 0 characters in all.")


async def test_structured_sends_the_first_reply_back_and_takes_the_second(tmp_path):
    run = await play(tmp_path, "structured", "Durable does not mean slow.")
    assert run.output == '{"words": 5, "longest": "Durable"}'
    assert run.spend.model_calls == 2


async def test_keywords_answers_without_a_key(tmp_path):
    run = await play(tmp_path, "keywords", "Hello!")
    assert run.output.startswith("Hello.")


async def test_continuous_remembers_what_it_was_told(tmp_path):
    agent = load_file(EXAMPLES / "continuous.yaml", workspaces=tmp_path)
    agent = msgspec.structs.replace(agent, workspace=str(tmp_path / "workspace"))
    said = []
    async with app(tmp_path, agent).running() as desk:
        for text in ("The kettle is in the cellar.", "The cat is out.", "What do you know?"):
            task = Task(agent="continuous", input=text, conversation="main")
            submitted = await desk.submit(task)
            said.append(await desk.answer(submitted.run.id, submitted.message, 30.0))
        kept = await desk.finished(submitted.run.id)
    assert [one.error for one in said] == [""] * 3
    assert said[1].output == "Noted, and that was reply 4 of those I can see: The cat is out."
    assert said[2].output == "I keep 2 notes."
    assert (kept.state, kept.output) == ("waiting", "I keep 2 notes.")
    assert len({one.run for one in said}) == 1
