import asyncio

import pytest

from folkmoot.core import entries as e
from folkmoot.core import errors
from folkmoot.core.run import RunState
from folkmoot.ports.desk import Part
from folkmoot.ports.store import Query


def kinds(desk, run):
    return [entry.kind for entry in asyncio.run(desk.journal(run))]


# ---------------------------------------------------------------------------------- looking


def test_runs_are_listed_newest_first(folkmoot, started):
    first, second = started(e.Succeeded(output="Done.")), started()
    listed = folkmoot("runs", "--json").document["runs"]
    assert [run["id"] for run in listed] == sorted([first, second], reverse=True)
    assert folkmoot("runs").out.count("reader") == 2


def test_a_run_for_machines_has_every_field_set_or_not(folkmoot, started):
    run = folkmoot("runs", "--json", "--limit", "1")
    assert run.document == {"runs": []}
    started()
    [run] = folkmoot("runs", "--json").document["runs"]
    assert run["state"] == "queued"
    assert run["spend"] == {
        "input": 0,
        "output": 0,
        "nanos": 0,
        "uncertain": 0,
        "model_calls": 0,
        "tool_calls": 0,
        "tokens": 0,
        "usd": 0.0,
    }


def test_runs_can_be_chosen_by_state_and_agent(folkmoot, started):
    started()
    done = started(e.Succeeded(output="Done."))
    listed = folkmoot("runs", "--state", "succeeded", "--agent", "reader", "--json").document
    assert [run["id"] for run in listed["runs"]] == [done]
    assert folkmoot("runs", "--agent", "other", "--json").document == {"runs": []}


def test_no_runs_are_no_error(folkmoot):
    said = folkmoot("runs")
    assert (said.code, said.out) == (0, "")
    assert "No runs" in said.err


def test_show_tells_state_journal_and_spend(folkmoot, started, replied):
    run = started(replied, e.Succeeded(output="All is well."))
    said = folkmoot("show", run)
    assert said.code == 0
    for words in (run, "succeeded", "All is well.", "1 model call", "model.replied", "$0.0000015"):
        assert words in said.out


def test_show_for_machines_is_one_document_with_the_whole_journal(folkmoot, started, replied):
    run = started(replied, e.Succeeded(output="All is well."))
    shown = folkmoot("show", "last", "--json").document
    assert shown["run"]["id"] == run
    assert [entry["seq"] for entry in shown["journal"]] == [1, 2, 3]
    assert shown["journal"][1]["body"]["text"] == "All is well."
    assert len(shown["journal"][0]["hash"]) == 64


def test_show_journal_prints_every_body_whole(folkmoot, started):
    run = started(e.Succeeded(output="x" * 500))
    assert "x" * 500 in folkmoot("show", run, "--journal").out


def test_an_unknown_run_is_not_found(folkmoot):
    said = folkmoot("show", "run_0")
    assert said.code == 3
    assert "RUN_NOT_FOUND" in said.err
    assert folkmoot("show", "last").code == 3


def test_tail_follows_to_the_end_and_ends_as_the_run_did(folkmoot, started, replied):
    run = started(replied, e.Failed(code="LIMIT", message="Too many steps."))
    said = folkmoot("tail", run)
    assert said.code == 1
    assert "failed: Too many steps. [LIMIT]" in said.out


def test_tail_for_machines_is_json_lines_with_the_run_last(folkmoot, started, replied):
    run = started(replied, e.Succeeded(output="All is well."))
    lines = folkmoot("tail", run, "--after", "1", "--json").documents
    assert [line["type"] for line in lines] == ["entry", "entry", "run"]
    assert [line["seq"] for line in lines[:-1]] == [2, 3]
    assert lines[-1]["output"] == "All is well."


def test_a_verified_ledger_says_how_much_was_read(folkmoot, started):
    started(e.Succeeded(output="Done."))
    said = folkmoot("ledger", "verify")
    assert said.code == 0
    assert "1 run, 2 entries" in said.out
    assert folkmoot("ledger", "verify", "--json").document == {
        "runs": 1,
        "entries": 2,
        "broken": [],
    }


def test_a_touched_entry_is_named_and_fails_the_command(folkmoot, started, desk):
    run = started(e.Succeeded(output="Done."))
    desk.tamper(run, 2, b'{"kind":"run.succeeded","output":"Other."}')
    said = folkmoot("ledger", "verify", run, "--json")
    assert said.code == 1
    assert [(place["run"], place["seq"]) for place in said.document["broken"]] == [(run, 2)]
    assert run in folkmoot("ledger", "verify").out


# ---------------------------------------------------------------------------------- steering


@pytest.mark.parametrize(
    ("argv", "heard"),
    [
        (["say", "RUN", "Use README.md."], e.MessageAdded(text="Use README.md.", by="ann")),
        (["pause", "RUN"], e.Paused(by="ann")),
        (["cancel", "RUN", "--reason", "Enough."], e.Cancelled(by="ann", reason="Enough.")),
    ],
)
def test_what_is_said_reaches_the_run(folkmoot, started, desk, argv, heard):
    run = started()
    said = folkmoot(*[run if word == "RUN" else word for word in argv], "--by", "ann", "--json")
    assert said.document == {"run": run, "signal": argv[0], "new": True, "workers": 1}
    assert asyncio.run(desk.journal(run))[-1].read() == heard


def test_a_paused_run_is_resumed(folkmoot, started, desk):
    run = started(e.Paused())
    assert folkmoot("resume", run).code == 0
    assert kinds(desk, run)[-1] == "run.continued"


def test_a_failed_run_is_retried(folkmoot, started, desk):
    run = started(e.Failed(code="X", message="No."))
    assert folkmoot("retry", run).code == 0
    assert kinds(desk, run)[-1] == "run.reset"


def test_a_key_makes_a_repeated_word_one(folkmoot, started, desk):
    run = started()
    assert folkmoot("say", run, "Once.", "--key", "k1", "--json").document["new"]
    assert not folkmoot("say", run, "Once.", "--key", "k1", "--json").document["new"]
    assert kinds(desk, run).count("said") == 1


def test_a_run_that_has_ended_hears_no_more(folkmoot, started):
    run = started(e.Succeeded(output="Done."))
    said = folkmoot("say", run, "More.")
    assert said.code == 5
    assert "WRONG_STATE" in said.err


def test_without_a_worker_people_are_told_so(folkmoot, started, desk):
    desk.workers = 0
    said = folkmoot("pause", started())
    assert "No worker runs now" in said.err


def test_questions_are_listed(folkmoot, waits):
    [asked] = folkmoot("questions", "--json").document["questions"]
    assert (asked["run"], asked["approval"]) == (waits, "ap1")
    assert 'command="ls -l"' in folkmoot("questions", waits).out


@pytest.mark.parametrize(("word", "yes"), [("approve", True), ("deny", False)])
def test_the_only_open_question_needs_no_name(folkmoot, waits, desk, word, yes):
    said = folkmoot(word, waits, "--by", "ann", "--note", "Fine.", "--json")
    assert said.document == {
        "run": waits,
        "approval": "ap1",
        "approve": yes,
        "by": "ann",
        "new": True,
    }
    vote = asyncio.run(desk.journal(waits))[-1].read()
    assert vote == e.StepVoted(approval="ap1", by="ann", approve=yes, note="Fine.")


def test_a_run_that_asks_nothing_cannot_be_answered(folkmoot, started):
    said = folkmoot("approve", started())
    assert said.code == 5
    assert "Nothing was answered." in said.err


def test_of_several_questions_one_must_be_named(folkmoot, waits, desk):
    desk.write(
        waits,
        e.StepAsked(
            call="c2", act="tool http", approval="ap2", digest="1", policy="approval", reason="Out."
        ),
    )
    said = folkmoot("approve", waits)
    assert said.code == 5
    assert "ap1, ap2" in said.err
    assert folkmoot("approve", waits, "ap2").code == 0


# ---------------------------------------------------------------------------------- submitting


def test_submit_prints_the_run_and_nothing_else(folkmoot, desk, system):
    said = folkmoot("submit", "reader", "Read.")
    [run] = asyncio.run(desk.runs(Query()))
    assert said.out == f"{run.id}\n"
    assert system.calls == ["opened", "closed"]


def test_submit_reads_the_task_from_stdin(folkmoot, monkeypatch, tmp_path):
    (tmp_path / "task.txt").write_text("From a pipe.\n")
    with (tmp_path / "task.txt").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        run = folkmoot("submit", "reader", "-", "--json").document["run"]
    shown = folkmoot("show", run, "--json").document
    assert shown["journal"][0]["body"]["task"]["input"] == "From a pipe."


def test_the_same_key_is_the_same_run(folkmoot):
    first = folkmoot("submit", "reader", "Read.", "--key", "k", "--json").document
    again = folkmoot("submit", "reader", "Read.", "--key", "k", "--json").document
    assert (first["run"], first["new"], again["new"]) == (again["run"], True, False)
    assert folkmoot("submit", "reader", "Other.", "--key", "k").code == 5


def test_submit_to_nobody_is_not_found(folkmoot):
    assert folkmoot("submit", "nobody", "Read.").code == 3


def test_submit_with_an_unknown_priority_is_a_usage_error(folkmoot):
    assert folkmoot("submit", "reader", "Read.", "--priority", "now").code == 2


def test_submit_waits_when_asked_and_ends_as_the_run_did(folkmoot, desk, replied):
    async def work(run):
        desk.write(run, replied)
        desk.write(run, e.Refused(code="DENIED", message="No."))

    desk.work, desk.working = work, True
    said = folkmoot("submit", "reader", "Read.", "--wait", "--json")
    assert said.code == 4
    assert [line.get("state") for line in said.documents] == ["queued", "refused"]


def test_a_task_that_nobody_works_on_is_remarked(folkmoot, desk):
    desk.workers = 0
    assert "folkmoot up" in folkmoot("submit", "reader", "Read.").err


# ---------------------------------------------------------------------------------- the rest


def test_doctor_shows_every_part(folkmoot, system):
    system.parts = [Part(name="store", ok=True), Part(name="sandbox", ok=False, critical=False)]
    said = folkmoot("doctor", "--json")
    assert said.code == 0
    names = [part["name"] for part in said.document["parts"]]
    assert names == ["flush", "port", "store", "sandbox"]
    assert "note" in folkmoot("doctor").out


def test_doctor_fails_when_a_critical_part_does(folkmoot, system):
    system.parts = [Part(name="store", ok=False, detail="It does not open.")]
    said = folkmoot("doctor")
    assert said.code == 1
    assert "It does not open." in said.out
    assert "Not fit: store" in said.out


def test_doctor_looks_on_when_the_settings_are_wrong(folkmoot, monkeypatch):
    monkeypatch.setenv("FOLKMOOT_PORT", "many")
    said = folkmoot("doctor", "--json")
    assert said.code == 1
    assert [part["name"] for part in said.document["parts"]] == ["settings"]


def test_doctor_looks_on_when_the_system_cannot_be_put_together(folkmoot, system, monkeypatch):
    async def broken(**_):
        raise errors.SchemaMismatch("Written by a newer version.")

    monkeypatch.setattr(system, "doctor", broken)
    said = folkmoot("doctor", "--json")
    assert said.code == 1
    assert "newer version" in said.document["parts"][-1]["detail"]


def test_agents_are_listed(folkmoot):
    for argv in (["agents"], ["agents", "list"]):
        assert "scripted:m" in folkmoot(*argv).out
    [agent] = folkmoot("agents", "list", "--json").document["agents"]
    assert agent["name"] == "reader"
    assert len(agent["digest"]) == 64


def test_a_right_agent_file_is_named(folkmoot, tmp_path):
    folkmoot("init")
    said = folkmoot("agents", "check", "--json")
    assert said.code == 0
    [file] = said.document["files"]
    assert (file["ok"], file["agent"], file["mistakes"]) == (True, "hello", [])


def test_a_wrong_agent_file_is_a_bad_finding_with_its_place(folkmoot, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\ninstructions: x\nmodell: keywords:x\n")
    said = folkmoot("agents", "check", str(path), "--json")
    assert said.code == 1
    [file] = said.document["files"]
    assert {mistake["line"] for mistake in file["mistakes"]} >= {3}
    assert "modell" in folkmoot("agents", "check", str(path)).out


def test_a_name_that_means_nothing_is_a_mistake_of_the_file(folkmoot, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\ninstructions: x\nmodel: nobody:x\ntools: [teleport]\n")
    said = folkmoot("agents", "check", str(path))
    assert said.code == 1
    assert "nobody" in said.out
    assert "teleport" in said.out


def test_the_schema_is_printed(folkmoot):
    assert folkmoot("agents", "schema").document["properties"]["instructions"]


def test_init_writes_an_agent_that_checks_and_never_overwrites(folkmoot, tmp_path):
    said = folkmoot("init", "place", "--json")
    assert said.document["wrote"] == ["place/agents/hello.yaml", "place/.gitignore"]
    hello = tmp_path / "place" / "agents" / "hello.yaml"
    assert folkmoot("agents", "check", str(hello)).code == 0
    hello.write_text("mine")
    assert folkmoot("init", "place", "--json").document["wrote"] == []
    assert hello.read_text() == "mine"


def test_init_adds_to_a_gitignore_without_breaking_its_last_line(folkmoot, tmp_path):
    (tmp_path / ".gitignore").write_text("*.log")
    folkmoot("init")
    assert (tmp_path / ".gitignore").read_text() == "*.log\n.folkmoot/\n"


@pytest.mark.parametrize(
    ("counts", "code"),
    [({}, 0), ({"in_doubt": 1}, 0), ({"lost": 1}, 1), ({"repeated": 1}, 1), ({"doubled": 1}, 1)],
)
def test_chaos_fails_on_what_was_lost_or_done_twice(folkmoot, monkeypatch, counts, code):
    found = dict.fromkeys(("boundaries", "kills", "lost", "repeated", "doubled", "in_doubt"), 0)

    def matrix(file, *, task, plugins, progress):
        progress(1, 2)
        return found | counts

    monkeypatch.setattr("folkmoot.cli.session.chaos", matrix)
    said = folkmoot("chaos", "chaos.yaml", "--json")
    assert said.code == code
    assert said.document == found | counts
    assert folkmoot("chaos", "chaos.yaml").code == code


def test_states_of_the_option_are_those_of_runs(folkmoot):
    assert folkmoot("runs", "--state", "asleep").code == 2
    assert all(folkmoot("runs", "--state", state.value).code == 0 for state in RunState)


def test_an_agent_that_is_left_alone_is_named_and_cleared(folkmoot, desk):
    desk.hold_back("reader", until=1_795_000_000_000)
    said = folkmoot("agents", "list")
    assert "folkmoot agents clear reader" in said.err
    assert folkmoot("agents", "clear", "reader", "--json").document == {
        "agent": "reader",
        "cleared": True,
    }
    assert "nothing to clear" in folkmoot("agents", "clear", "reader").out


@pytest.mark.parametrize("option", ["--delay", "--deadline"])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e300"])
def test_a_time_that_is_none_is_a_usage_error(folkmoot, option, seconds):
    said = folkmoot("submit", "reader", "Read.", option, seconds)
    assert (said.code, option in said.err) == (2, True)


@pytest.mark.parametrize("group", ["agents", "schedules"])
def test_a_group_alone_lists_for_machines_too(folkmoot, group):
    assert folkmoot(group, "--json").document == folkmoot(group, "list", "--json").document
    assert folkmoot(group, "--json", "list").code == 2
