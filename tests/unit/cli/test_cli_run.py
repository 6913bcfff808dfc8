import signal

import pytest
from msgspec.structs import replace

from folkmoot.core import entries as e
from folkmoot.core.messages import ToolCall

CALLS = e.ModelReplied(
    call="1",
    model="scripted:m",
    text="I look.",
    calls=(ToolCall("c1", "files_list", {"path": "."}),),
)


@pytest.fixture
def works(desk, replied):
    """The worker plays a whole run: words as they come, a tool, an answer."""

    async def work(run):
        desk.write(run, e.ModelCalled(call="1", model="scripted:m"))
        desk.say(run, "I ")
        desk.say(run, "look.")
        desk.write(run, CALLS)
        desk.write(run, e.ToolReturned(call="c1", name="files_list", text="a.md\nb.md", ms=3))
        desk.write(run, e.ModelCalled(call="2", model="scripted:m"))
        desk.write(run, replied)
        desk.write(run, e.Succeeded(output="All is well."))

    desk.work = work


def test_every_step_is_shown_as_it_happens(folkmoot, works):
    said = folkmoot("run", "reader", "Read.")
    assert said.code == 0
    places = [
        said.out.index(words)
        for words in (
            "task: Read.",
            "asks scripted:m",
            "<  I look.\n",
            '-> files_list(path=".")',
            '<- files_list(path=".") [3 ms] a.md (+1 line)',
            "<  All is well.",
            "succeeded",
            "result: All is well.",
            "spend:  2 model calls, 1 tool call",
        )
    ]
    assert places == sorted(places)


def test_words_that_came_as_deltas_are_not_said_twice(folkmoot, works):
    assert folkmoot("run", "reader", "Read.").out.count("I look.") == 1


@pytest.mark.parametrize("deltas", [["I "], ["look."], ["Other"], []])
def test_whatever_deltas_were_lost_the_reply_is_shown_whole(folkmoot, desk, deltas):
    async def work(run):
        for delta in deltas:
            desk.say(run, delta)
        desk.write(run, CALLS)
        desk.write(run, e.Succeeded(output="Done."))

    desk.work = work
    assert "<  I look.\n" in folkmoot("run", "reader", "Read.").out


def test_quiet_prints_the_result_alone(folkmoot, works):
    said = folkmoot("run", "reader", "Read.", "--quiet")
    assert (said.code, said.out, said.err) == (0, "All is well.\n", "")


def test_for_machines_every_step_is_a_line_and_the_run_the_last(folkmoot, works):
    lines = folkmoot("run", "reader", "Read.", "--json").documents
    assert [line["type"] for line in lines] == [
        "submitted",
        "entry",
        "entry",
        "delta",
        "delta",
        *["entry"] * 5,
        "run",
    ]
    assert [line["seq"] for line in lines if line["type"] == "entry"] == [1, 2, 3, 4, 5, 6, 7]
    assert lines[-1]["output"] == "All is well."


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (e.Failed(code="LIMIT", message="Too many steps."), 1),
        (e.Cancelled(by="ann"), 1),
        (e.Refused(code="DENIED", message="No."), 4),
    ],
)
def test_the_end_of_the_run_is_the_exit_code(folkmoot, desk, end, code):
    async def work(run):
        desk.write(run, end)

    desk.work = work
    assert folkmoot("run", "reader", "Read.").code == code


def test_a_hostile_reply_cannot_steer_the_terminal(folkmoot, desk, replied):
    async def work(run):
        desk.say(run, "\x1b]52;c;ZXZpbA==\x07")
        desk.write(run, replace(replied, text="\x1b]52;c;ZXZpbA==\x07"))
        desk.write(run, e.Succeeded(output="\x1b[2Jgone\x9b31m"))

    desk.work = work
    said = folkmoot("run", "reader", "Read.")
    assert not {"\x1b", "\x07", "\x9b"} & set(said.out + said.err)
    assert "gone" in said.out


def test_an_agent_file_a_model_and_a_workspace_make_the_agent(folkmoot, desk, works, tmp_path):
    folkmoot("init")
    place = tmp_path / "place"
    place.mkdir()
    argv = ["agents/hello.yaml", "Hi.", "--model", "openai:gpt-5-mini", "--workspace", "place"]
    assert folkmoot("run", *argv).code == 0
    [agent] = [agent for agent in desk.agents() if agent.name == "hello"]
    assert str(agent.model) == "openai:gpt-5-mini"
    assert agent.workspace == str(place)
    assert agent.fallbacks == ()


@pytest.mark.parametrize("place", ["nowhere", "file", "x" * 300])
def test_a_workspace_that_is_no_folder_starts_nothing(folkmoot, system, tmp_path, place):
    (tmp_path / "file").touch()
    said = folkmoot("run", "reader", "Hi.", "--workspace", place)
    assert (said.code, "no folder" in said.err) == (2, True)
    assert system.calls == []
    assert not (tmp_path / "nowhere").exists()


def test_a_model_of_a_provider_that_is_not_there_starts_nothing(folkmoot, system):
    said = folkmoot("run", "reader", "Hi.", "--model", "opnai:gpt")
    assert (said.code, "no model provider 'opnai'" in said.err) == (3, True)
    assert system.calls == []


def test_an_agent_of_the_folder_may_be_given_another_model(folkmoot, desk, works, system):
    folkmoot("init")
    assert folkmoot("run", "hello", "Hi.", "--model", "scripted:x").code == 0
    assert {a.name: str(a.model) for a in desk.agents()}["hello"] == "scripted:x"


def test_a_model_that_names_no_provider_is_a_usage_error(folkmoot, works):
    folkmoot("init")
    said = folkmoot("run", "hello", "Hi.", "--model", "gpt-5")
    assert said.code == 2
    assert "provider:name" in said.err


def test_options_become_settings(folkmoot, works, system, tmp_path):
    for name in ("p.py", "q.py"):
        (tmp_path / name).write_text("def register(app): ...\n")
    argv = ["--store", "memory://", "--plugin", "p.py", "--plugin", "q.py", "--agents", "elsewhere"]
    folkmoot("run", "reader", "Read.", *argv)
    assert system.settings.store == "memory://"
    assert [str(path) for path in system.settings.plugins] == ["p.py", "q.py"]
    assert system.settings.agents == ("elsewhere",)


def test_a_missing_agent_file_is_a_usage_error(folkmoot, works):
    said = folkmoot("run", "no/such.yaml", "Hi.")
    assert said.code == 2
    assert "no/such.yaml" in said.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_kept_and_says_how_to_go_on(folkmoot, desk, system, number):
    async def work(run):
        desk.write(run, e.ModelCalled(call="1", model="scripted:m"))
        signal.raise_signal(number)

    desk.work = work
    said = folkmoot("run", "reader", "Read.")
    assert said.code == 130
    [run] = folkmoot("runs", "--json").document["runs"]
    assert run["state"] == "running"
    for words in (
        "Stopping: ",
        f"{run['id']} is kept",
        "folkmoot up",
        f"folkmoot tail {run['id']}",
    ):
        assert words in said.err
    assert system.calls[:3] == ["running coordinator, worker", "drain 10", "closed"]


def test_quiet_does_not_keep_back_what_was_kept(folkmoot, desk):
    async def work(_):
        signal.raise_signal(signal.SIGINT)

    desk.work = work
    assert "is kept" in folkmoot("run", "reader", "Read.", "--quiet").err
    assert folkmoot("run", "reader", "Read.", "--json").documents[-1]["type"] == "stopped"


def test_without_a_terminal_nobody_is_asked_but_told_how_to_answer(folkmoot, desk, replied):
    async def work(run):
        desk.write(run, replace(CALLS, text=""))
        asked = e.StepAsked(
            call="c1", act="tool x", approval="ap1", digest="0", policy="p", reason="Out."
        )
        desk.write(run, asked)
        desk.write(run, e.StepVoted(approval="ap1", by="ann", approve=False))
        desk.write(run, e.Succeeded(output="Done."))

    desk.work = work
    said = folkmoot("run", "reader", "Read.")
    assert said.code == 0
    assert "folkmoot approve run_" in said.err
    assert "ann denied ap1" in said.out
