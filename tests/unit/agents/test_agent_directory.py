"""A folder of agent files: what is right can be used, what is wrong is told."""

import pytest

from folkmoot.agents.directory import Directory, files
from folkmoot.agents.known import Known
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.errors import AgentFileInvalid, AgentUnknown
from folkmoot.ports.catalog import Catalog


def agent_text(name, more=""):
    return f"name: {name}\ninstructions: Work.\nmodel: keywords:a\n{more}"


def agent(name, instructions="Work."):
    return Agent(
        name=name, instructions=instructions, model=ModelChoice(provider="keywords", name="a")
    )


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "agents"
    path.mkdir()
    return path


@pytest.fixture
def directory(folder, tmp_path):
    return lambda **how: Directory(folder, workspaces=tmp_path / "spaces", **how)


def test_a_folder_holds_its_agents_by_name(folder, directory):
    (folder / "b.yml").write_text(agent_text("beta"))
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog: Catalog = directory()
    assert catalog.names() == ["alpha", "beta"]
    assert catalog.get("beta").name == "beta"


@pytest.mark.parametrize(
    "name", ["notes.txt", ".hidden.yaml", "a.script.yaml", "a.script.yml", "a.yaml.bak", "a.json"]
)
def test_files_that_are_no_agent_files_are_left_alone(folder, directory, name):
    (folder / name).write_text(agent_text("alpha"))
    assert directory().names() == []
    assert files(folder) == []


def test_folders_below_are_not_read(folder, directory):
    (folder / "below.yaml").mkdir()
    (folder / "below.yaml" / "a.yaml").write_text(agent_text("alpha"))
    assert directory().names() == []


def test_a_missing_folder_is_an_empty_catalog(tmp_path):
    catalog = Directory(tmp_path / "none", workspaces=tmp_path)
    assert (catalog.names(), catalog.mistakes) == ([], ())


def test_a_single_file_is_a_catalog_too(folder, tmp_path):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text(agent_text("beta"))
    assert Directory(folder / "a.yaml", workspaces=tmp_path).names() == ["alpha"]


def test_one_bad_file_does_not_hide_the_good_ones(folder, directory):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text("name: [")
    (folder / "c.yaml").write_text(agent_text("gamma", "limits: {tokens: 0}\n"))
    catalog = directory()
    assert catalog.names() == ["alpha"]
    assert [mistake.file for mistake in catalog.mistakes] == [
        str(folder / "b.yaml"),
        str(folder / "c.yaml"),
    ]


def test_an_unknown_name_is_answered_with_the_nearest_and_with_broken_files(folder, directory):
    (folder / "a.yaml").write_text(agent_text("reader"))
    (folder / "b.yaml").write_text("name: [")
    with pytest.raises(AgentUnknown) as caught:
        directory().get("raeder")
    assert "Did you mean 'reader'?" in caught.value.todo
    assert "b.yaml" in caught.value.todo


def test_an_unknown_name_in_an_empty_catalog_has_the_usual_advice(directory):
    with pytest.raises(AgentUnknown) as caught:
        directory().get("reader")
    assert caught.value.todo == AgentUnknown.todo_default


def test_two_files_with_one_name_are_both_refused_and_name_each_other(folder, directory):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text("# first\n" + agent_text("alpha"))
    (folder / "c.yaml").write_text(agent_text("gamma"))
    catalog = directory()
    assert catalog.names() == ["gamma"]
    first, second = (str(one) for one in catalog.mistakes)
    assert f"a.yaml:1:7: name: the name 'alpha' is also used by {folder}/b.yaml:2" in first
    assert f"b.yaml:2:7: name: the name 'alpha' is also used by {folder}/a.yaml:1" in second


def test_a_reload_sees_what_came_went_broke_and_was_mended(folder, directory):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text(agent_text("beta"))
    catalog = directory()
    before = catalog.get("alpha")
    (folder / "a.yaml").write_text(agent_text("alpha", "oops: 1\n"))
    (folder / "b.yaml").unlink()
    (folder / "c.yaml").write_text(agent_text("gamma"))
    assert catalog.names() == ["alpha", "beta"], "nothing changes before the reload"
    assert len(catalog.reload()) == 1
    assert catalog.names() == ["gamma"]
    (folder / "a.yaml").write_text(agent_text("alpha"))
    assert catalog.reload() == ()
    assert catalog.get("alpha") == before


def test_an_added_agent_stays_over_reloads(folder, directory):
    catalog = directory()
    catalog.add(agent("coded"))
    catalog.add(agent("coded"))
    catalog.reload()
    assert catalog.names() == ["coded"]


def test_another_agent_by_the_same_name_is_refused(folder, directory):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog = directory()
    catalog.add(agent("coded"))
    for other in (agent("coded", "Other."), agent("alpha", "Other.")):
        with pytest.raises(AgentFileInvalid, match="another agent named"):
            catalog.add(other)
    assert catalog.get("coded").instructions == "Work."


def test_a_file_may_not_take_the_name_of_an_added_agent(folder, directory):
    catalog = directory()
    catalog.add(agent("alpha", "Coded."))
    (folder / "a.yaml").write_text(agent_text("alpha"))
    [mistake] = catalog.reload()
    assert "an agent added in code" in mistake.problem
    assert catalog.get("alpha").instructions == "Coded."


def test_names_are_checked_against_what_is_known(folder, directory):
    (folder / "a.yaml").write_text(agent_text("alpha", "tools: [teleport]\n"))
    catalog = directory(known=Known(tools=["shell"]))
    assert catalog.names() == []
    assert "there is no tool 'teleport'" in str(catalog.mistakes[0])
