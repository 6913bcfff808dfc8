"""A folder of agent files: what is right can be used, what is wrong is told."""

import os

import pytest

from folkmoot.agents.catalog import Agents
from folkmoot.agents.directory import Directory
from folkmoot.agents.known import Known
from folkmoot.agents.load import Ground
from folkmoot.agents.shelf import Folder
from folkmoot.agents.source import Want
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
def declared(folder, tmp_path):
    def make(*paths, **how):
        ground = Ground(workspaces=tmp_path / "spaces", **how)
        return Agents([Directory(path, ground) for path in paths or [folder]])

    return make


def test_a_folder_holds_its_agents_by_name(folder, declared):
    (folder / "b.yml").write_text(agent_text("beta"))
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog: Catalog = declared()
    assert catalog.names() == ["alpha", "beta"]
    assert catalog.get("beta").name == "beta"


@pytest.mark.parametrize(
    "name", ["notes.txt", ".hidden.yaml", "a.script.yaml", "a.script.yml", "a.yaml.bak", "a.json"]
)
def test_files_that_are_no_agent_files_are_left_alone(folder, declared, name):
    (folder / name).write_text(agent_text("alpha"))
    assert declared().names() == []
    assert Folder(folder).names() == []


def test_a_file_whose_name_is_no_utf8_is_told_in_words_that_can_be_sent(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / os.fsdecode(b"gr\xf6sse.yaml")).write_text("name: [")
    catalog = declared()
    assert catalog.names() == ["alpha"]
    assert [str(mistake).encode() for mistake in catalog.mistakes]
    assert "gr\N{REPLACEMENT CHARACTER}sse.yaml:2:" in str(catalog.mistakes[0])


def test_folders_below_are_not_read(folder, declared):
    (folder / "below.yaml").mkdir()
    (folder / "below.yaml" / "a.yaml").write_text(agent_text("alpha"))
    (folder / "below.yaml" / "config.yaml").write_text(agent_text("alpha"))
    assert declared().names() == []


def test_an_agent_may_have_a_folder_of_its_own_with_its_prompt(folder, declared):
    home = folder / "alpha"
    home.mkdir()
    (home / "config.yaml").write_text("name: alpha\nmodel: keywords:a\nworkspace: desk\n")
    (home / "system-prompt.md").write_text("Work well.\n")
    found = declared().get("alpha")
    assert found.instructions == "Work well."
    assert found.workspace == str(home / "desk")


def test_instructions_that_are_written_out_win_over_the_prompt_beside(folder, declared):
    (folder / "alpha").mkdir()
    (folder / "alpha" / "config.yaml").write_text(agent_text("alpha"))
    (folder / "alpha" / "system-prompt.md").write_text("Other.")
    assert declared().get("alpha").instructions == "Work."


def test_a_missing_folder_is_an_empty_catalog(tmp_path, declared):
    catalog = declared(tmp_path / "none")
    assert (catalog.names(), catalog.mistakes, catalog.faults) == ([], (), ())


def test_a_single_file_is_a_catalog_too(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text(agent_text("beta"))
    assert declared(folder / "a.yaml").names() == ["alpha"]


def test_several_places_are_one_catalog(folder, tmp_path, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (tmp_path / "b.yaml").write_text(agent_text("beta"))
    assert declared(folder, tmp_path / "b.yaml", folder).names() == ["alpha", "beta"]


def test_one_bad_file_does_not_hide_the_good_ones(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text("name: [")
    (folder / "c.yaml").write_text(agent_text("gamma", "limits: {tokens: 0}\n"))
    catalog = declared()
    assert catalog.names() == ["alpha"]
    assert [mistake.file for mistake in catalog.mistakes] == [
        str(folder / "b.yaml"),
        str(folder / "c.yaml"),
    ]


def test_an_unknown_name_is_answered_with_the_nearest_and_with_broken_files(folder, declared):
    (folder / "a.yaml").write_text(agent_text("reader"))
    (folder / "b.yaml").write_text("name: [")
    with pytest.raises(AgentUnknown) as caught:
        declared().get("raeder")
    assert "Did you mean 'reader'?" in caught.value.todo
    assert "b.yaml" in caught.value.todo


def test_an_unknown_name_in_an_empty_catalog_has_the_usual_advice(declared):
    with pytest.raises(AgentUnknown) as caught:
        declared().get("reader")
    assert caught.value.todo == AgentUnknown.todo_default


def test_two_files_with_one_name_are_both_refused_and_name_each_other(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text("# first\n" + agent_text("alpha"))
    (folder / "c.yaml").write_text(agent_text("gamma"))
    catalog = declared()
    assert catalog.names() == ["gamma"]
    first, second = (str(one) for one in catalog.mistakes)
    assert f"a.yaml:1:7: name: the name 'alpha' is also used by {folder}/b.yaml:2" in first
    assert f"b.yaml:2:7: name: the name 'alpha' is also used by {folder}/a.yaml:1" in second


async def test_a_reload_sees_what_came_changed_and_went(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    (folder / "b.yaml").write_text(agent_text("beta"))
    (folder / "d.yaml").write_text(agent_text("delta"))
    catalog = declared()
    before = catalog.get("alpha")
    (folder / "b.yaml").unlink()
    (folder / "c.yaml").write_text(agent_text("gamma"))
    (folder / "d.yaml").write_text(agent_text("delta", "description: New.\n"))
    assert catalog.names() == ["alpha", "beta", "delta"], "nothing changes before the reload"
    news = await catalog.refresh()
    assert (news.came, news.changed, news.gone) == (("gamma",), ("delta",), ("beta",))
    assert catalog.names() == ["alpha", "delta", "gamma"]
    assert catalog.get("alpha") is before, "what did not change is the same object"


async def test_a_file_that_breaks_takes_no_working_agent_away(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog = declared()
    before = catalog.get("alpha")
    (folder / "a.yaml").write_text(agent_text("alpha", "oops: 1\n"))
    news = await catalog.refresh()
    assert catalog.get("alpha") is before
    assert catalog.kept == {"alpha"}
    assert "oops" in str(news.fresh[0])
    assert (await catalog.refresh()).fresh == (), "told once, not with every round"
    (folder / "a.yaml").write_text(agent_text("alpha", "description: Mended.\n"))
    assert (await catalog.refresh()).changed == ("alpha",)
    assert (catalog.kept, catalog.mistakes) == (frozenset(), ())


async def test_a_file_that_was_moved_and_broken_at_once_keeps_its_agent(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog = declared()
    (folder / "a.yaml").rename(folder / "b.yaml")
    (folder / "b.yaml").write_text(agent_text("alpha", "oops: 1\n"))
    await catalog.refresh()
    assert catalog.kept == {"alpha"}


async def test_a_second_file_of_the_same_name_does_not_take_it_away(folder, declared):
    (folder / "b.yaml").write_text(agent_text("alpha"))
    catalog = declared()
    (folder / "a.yaml").write_text(agent_text("alpha", "description: Thief.\n"))
    [mistake] = (await catalog.refresh()).fresh
    assert (mistake.file, mistake.field) == (str(folder / "a.yaml"), "name")
    assert catalog.get("alpha").description == ""
    (folder / "b.yaml").write_text(agent_text("alpha", "description: Owner.\n"))
    await catalog.refresh()
    assert catalog.get("alpha").description == "Owner.", "its own file still changes it"
    (folder / "b.yaml").unlink()
    await catalog.refresh()
    assert catalog.get("alpha").description == "Thief."


async def test_a_folder_that_vanishes_takes_no_agents_with_it(folder, tmp_path, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog = declared()
    folder.rename(tmp_path / "elsewhere")
    [fault] = (await catalog.refresh()).failed
    assert "was there and is there no more" in fault.message
    assert catalog.names() == ["alpha"]
    assert (await catalog.refresh()).failed == (), "told once"
    (tmp_path / "elsewhere").rename(folder)
    assert (await catalog.refresh()).back == (str(folder),)


async def test_a_changed_file_that_is_pointed_to_changes_the_agent(folder, declared):
    (folder / "deep").mkdir()
    (folder / "deep" / "p.md").write_text("Before.")
    (folder / "a.yaml").write_text(
        "name: alpha\nmodel: keywords:a\ninstructions: {file: deep/p.md}\n"
    )
    catalog = declared()
    (folder / "deep" / "p.md").write_text("After.")
    await catalog.refresh()
    assert catalog.get("alpha").instructions == "After."
    (folder / "deep" / "p.md").unlink()
    await catalog.refresh()
    assert (catalog.kept, catalog.get("alpha").instructions) == ({"alpha"}, "After.")
    (folder / "deep" / "p.md").write_text("Again.")
    await catalog.refresh()
    assert catalog.get("alpha").instructions == "Again."


async def test_what_has_not_changed_is_not_read_again(folder, declared, monkeypatch):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog = declared()
    read = []
    inner = Folder.read
    monkeypatch.setattr(Folder, "stamp", lambda *_: "always the same")
    monkeypatch.setattr(Folder, "read", lambda self, name: read.append(name) or inner(self, name))
    await catalog.refresh(Want(now=True))
    assert read == ["a.yaml"], "asked for by name: no stamp is trusted"
    await catalog.refresh()
    assert read == ["a.yaml"]


async def test_links_that_are_swapped_are_followed(folder, declared):
    """A Kubernetes ConfigMap: `a.yaml` is a link through `..data`, which is put in place of another."""
    for version in ("one", "two"):
        (folder / f"..{version}").mkdir()
        (folder / f"..{version}" / "a.yaml").write_text(
            agent_text("alpha", f"description: {version}\n")
        )
    (folder / "..data").symlink_to("..one")
    (folder / "a.yaml").symlink_to("..data/a.yaml")
    catalog = declared()
    (folder / "..swap").symlink_to("..two")
    (folder / "..swap").rename(folder / "..data")
    assert (await catalog.refresh()).changed == ("alpha",)
    assert catalog.get("alpha").description == "two"


async def test_links_in_a_circle_are_a_mistake_and_no_defect(folder, declared):
    (folder / "p.md").symlink_to("q.md")
    (folder / "q.md").symlink_to("p.md")
    (folder / "a.yaml").write_text("name: a\nmodel: keywords:a\ninstructions: {file: p.md}\n")
    (folder / "b.yaml").symlink_to("b.yaml")
    catalog = declared()
    assert [mistake.problem for mistake in catalog.mistakes] == ["there is no file 'p.md'"]


async def test_an_added_agent_stays_over_reloads(declared):
    catalog = declared()
    catalog.add(agent("coded"))
    catalog.add(agent("coded"))
    await catalog.refresh()
    assert catalog.names() == ["coded"]


def test_another_agent_by_the_same_name_is_refused(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog = declared()
    catalog.add(agent("coded"))
    for other in (agent("coded", "Other."), agent("alpha", "Other.")):
        with pytest.raises(AgentFileInvalid, match="another agent named"):
            catalog.add(other)
    assert catalog.get("coded").instructions == "Work."


async def test_a_file_may_not_take_the_name_of_an_added_agent(folder, declared):
    catalog = declared()
    catalog.add(agent("alpha", "Coded."))
    (folder / "a.yaml").write_text(agent_text("alpha"))
    [mistake] = (await catalog.refresh()).fresh
    assert "an agent added in code" in mistake.problem
    assert catalog.get("alpha").instructions == "Coded."


def test_names_are_checked_against_what_is_known(folder, declared):
    (folder / "a.yaml").write_text(agent_text("alpha", "tools: [teleport]\n"))
    catalog = declared(known=Known(tools=["shell"]))
    assert catalog.names() == []
    assert "there is no tool 'teleport'" in str(catalog.mistakes[0])


async def test_a_place_that_cannot_be_read_when_places_are_switched_changes_nothing(
    folder, tmp_path, declared
):
    (folder / "a.yaml").write_text(agent_text("alpha"))
    catalog = declared()
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.yaml").write_text(agent_text("beta"))
    await catalog.switch([Directory(other, Ground(workspaces=tmp_path))])
    assert catalog.names() == ["beta"]
