"""Every mistake is answered with file, line, column, field, what was expected and what was found."""

import json
from pathlib import Path

import pytest
import yaml

from folkmoot.agents.file import AgentFile
from folkmoot.agents.known import Known
from folkmoot.agents.later import LATER
from folkmoot.agents.load import check_file, load_file
from folkmoot.core.errors import AgentFileInvalid, Invalid, ModelUnknown


def test_a_right_file_has_no_mistakes(bench):
    assert bench.mistakes("") == []


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~\n"])
def test_an_empty_file_is_a_mistake(bench, text):
    found = bench.mistake(text, least=False)
    assert found.problem == "the file is empty"


@pytest.mark.parametrize("text", ["- a\n- b\n", "hello\n", "12\n"])
def test_a_file_that_is_no_mapping_is_a_mistake(bench, text):
    found = bench.mistake(text, least=False)
    assert "a mapping of fields" in found.expected
    assert found.found


def test_what_is_missing_is_named_at_the_start_of_the_file(bench):
    found = bench.mistakes("name: a\n", least=False)
    assert [(one.field, one.problem, one.line) for one in found] == [
        ("instructions", "is missing", 1),
        ("model", "is missing", 1),
    ]
    assert "provider:name" not in found[0].expected
    assert found[1].expected.startswith("which model")


CASES = yaml.safe_load(Path(__file__).with_name("wrong_values.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_a_wrong_value_is_answered_with_what_was_expected_and_found(bench, place, case):
    mistake = bench.mistake(case["text"])
    assert mistake.field == case["field"]
    assert case["expected"] in mistake.expected
    assert case["found"] in mistake.found
    assert place(mistake)[0] == 1


def test_the_column_is_that_of_the_value(bench, place):
    assert place(bench.mistake("limits:\n  iterations: 5\n  tokens: many\n")) == (3, 11)


@pytest.mark.parametrize("name", ["Reader", "a b", "", "a/b", "-a", "x" * 65, "a.b", "a:b", "ä"])
def test_a_name_that_other_parts_would_take_apart_is_refused(bench, name):
    text = f"name: '{name}'\ninstructions: Work.\nmodel: keywords:a\n"
    assert bench.mistake(text, least=False).field == "name"


def test_instructions_of_nothing_but_space_are_a_mistake_as_in_a_file_of_their_own(bench):
    found = bench.mistake("name: a\ninstructions: '  '\nmodel: keywords:a\n", least=False)
    assert (found.field, found.expected) == ("instructions", "some text")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("limit: {}", "did you mean 'limits'?"),
        ("grnats: []", "did you mean 'grants'?"),
        ("limits: {itertions: 3}", "did you mean 'iterations'?"),
        ("limits: {seconds: 3}", "did you mean 'time'?"),
        ("sandbox: {memory_mb: 3}", "did you mean 'memory'?"),
        ("system_prompt: x", "did you mean 'instructions'?"),
        ("execution_mode: x", "did you mean 'mode'?"),
        ("continuous: {idle_timeout_seconds: 3}", "did you mean 'idle'?"),
        ("temperature: 0", "did you mean 'model.settings.temperature'?"),
        ("fallbacks: [{provider: a, name: b, base-url: x}]", "did you mean 'base_url'?"),
        ("approvals: [{match: 'a:b', expire: 1h}]", "did you mean 'expires'?"),
        ("<<: {a: b}", "merge keys are not read"),
        ("budget: {zzz: 1}", "there are usd_per_day or usd_per_month"),
    ],
)
def test_a_field_that_does_not_exist_is_answered_with_the_one_that_was_meant(bench, text, hint):
    mistake = bench.mistake(text)
    assert mistake.problem == "there is no such field"
    assert hint in mistake.hint


def test_an_unknown_field_is_shown_at_its_key(bench, place):
    assert place(bench.mistake("limits:\n  iterations: 5\n  itertions: 6\n")) == (3, 3)


@pytest.mark.parametrize("value", ["[]", "{a: b}", "~", "x"])
def test_a_field_of_a_later_version_is_refused_with_what_is_possible_today(bench, place, value):
    found = bench.mistakes("".join(f"{field}: {value}\n" for field in LATER))
    assert [one.field for one in found] == list(LATER)
    for line, one in enumerate(found, 1):
        assert place(one) == (line, 1)
        assert one.problem == "this field is not in this version of Folkmoot"
        assert one.hint == f"today: {LATER[one.field][1]}"


def test_the_fields_of_later_versions_are_known_by_name():
    named = {"mcp", "skills", "memory", "tier", "executor"}
    assert named | {"secrets", "channels", "packet"} <= set(LATER) <= set(AgentFile.model_fields)


def test_several_mistakes_are_told_at_once_in_the_order_of_the_file(bench):
    found = bench.mistakes(
        """\
        limits: {tokens: 0, usd: x}
        nope: 1
        tools: [1]
        tools: []
        skills: []
        """
    )
    assert [one.field for one in found] == [
        "limits.tokens",
        "limits.usd",
        "nope",
        "tools[0]",
        "tools",
        "skills",
    ]


def test_the_error_carries_every_mistake_for_people_and_for_machines(bench):
    bench.write("name: A\ninstructions: x\nmodel: y\n")
    with pytest.raises(AgentFileInvalid) as caught:
        load_file(bench.path, workspaces=bench.folder)
    error = caught.value
    assert f"{bench.path}:1:7: name: expected lower-case letters" in error.message
    assert f"{bench.path}:3:8: model: expected provider:name" in error.message
    assert error.kept == "Nothing was loaded from this file."
    assert "docs/reference/agent-file.md" in error.todo
    machine = json.loads(json.dumps(error.details["mistakes"]))
    assert [(one["line"], one["column"], one["field"]) for one in machine] == [
        (1, 7, "name"),
        (3, 8, "model"),
    ]


def test_a_missing_file_is_an_answer_and_no_traceback(tmp_path):
    [found] = check_file(tmp_path / "none.yaml")
    assert "No such file" in found.problem


SECRET = "sk-proj-4f9a8b7c6d5e4f3a2b1c"  # the shape of a key, not one


@pytest.mark.parametrize(
    "text",
    [
        f"fallbacks: [{{provider: openai, name: a, api_key_env: {SECRET}}}]",
        f"fallbacks: [{{provider: openai, name: a, api_key: {SECRET}}}]",
        f"fallbacks: [{{provider: openai, name: a, base_url: 'https://u:{SECRET}@host'}}]",
        "fallbacks: [{provider: openai, name: a, base_url: 'https://ann:correct-horse@host/v1'}]",
        f"fallbacks: ['{SECRET}']",
        f"fallbacks: [{{provider: openai, name: a, settings: {{api_key: {SECRET}}}}}]",
        f"tools: [{{http_fetch: {{headers: {{Authorization: 'Bearer {SECRET}'}}}}}}]",
        f"limits: {{tokens: {SECRET}}}",
        f"{SECRET}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(bench, text):
    found = bench.mistakes(text)
    assert found
    told = " ".join(str(one) for one in found)
    assert SECRET not in told
    assert "correct-horse" not in told


@pytest.mark.parametrize("option", ["max_tokens: 5", "token_budget: x", "tokenizer: y"])
def test_a_setting_that_only_sounds_like_a_secret_is_let_through(bench, option):
    bench.load(f"fallbacks: [{{provider: openai, name: a, settings: {{{option}}}}}]")


def test_a_name_of_a_file_given_as_text_is_not_taken_for_instructions(bench):
    text = "name: a\ninstructions: 'file: prompt.md'\nmodel: keywords:a\n"
    found = bench.mistake(text, least=False)
    assert (found.field, found.hint) == ("instructions", "write instructions: {file: …}")


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ("tools: [shell, files_read, {shell: {}}]", "tools[2]", "the tool 'shell' stands twice"),
        ("fallbacks: [{provider: openai}]", "fallbacks[0].name", "is missing"),
        ("fallbacks: [{provider: scripted}]", "fallbacks[0].name", "is missing"),
        (
            "fallbacks: [{provider: openai, name: a, turns: [{text: x}]}]",
            "fallbacks[0].turns",
            "belongs to the provider `scripted`",
        ),
        (
            "fallbacks: [{provider: scripted, name: a, options: {script: a.yaml}}]",
            "fallbacks[0].options",
            "the provider `scripted` takes none",
        ),
        ("workspace: ~/work", "workspace", "nothing is filled in here"),
        ("workspace: '${HOME}/work'", "workspace", "nothing is filled in here"),
        ("workspace: agent.yaml", "workspace", "this is not a folder"),
    ],
)
def test_what_excludes_or_needs_something_else_is_told(bench, place, text, field, problem):
    found = bench.mistake(text)
    assert (found.field, found.problem, place(found)[0]) == (field, problem, 1)


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ("{type: objekt}", "output.schema.type"),
        ("{properties: {a: {type: strin}}}", "output.schema.properties.a.type"),
        ("{pattern: '('}", "output.schema.pattern"),
        ("{$ref: '#/nope'}", "output.schema"),
        ("{properties: {a: {$ref: 'https://example.org/s'}}}", "output.schema.properties.a.$ref"),
        ("{$ref: other.json}", "output.schema.$ref"),
        ("{$schema: 'https://example.org/draft'}", "output.schema.$schema"),
    ],
)
def test_a_json_schema_is_itself_checked_and_never_fetched(bench, schema, field):
    found = bench.mistake(f"output: {{schema: {schema}}}")
    assert found.field == field
    assert "not a valid JSON Schema" in found.problem


KNOWN = Known(
    programs={"loop": 1, "plan": 2},
    providers=["openai", "keywords"],
    tools={"files", "files_read", "shell"},
)


def test_names_that_nobody_offers_are_told_with_the_nearest(bench):
    found = bench.mistakes(
        """\
        fallbacks: [opnai:gpt-5]
        program: lop
        tools:
          - files_raed
          - shel: {}
        """,
        known=KNOWN,
    )
    assert [(one.field, one.problem, one.hint) for one in found] == [
        ("fallbacks[0]", "there is no provider 'opnai'", "did you mean 'openai'?"),
        ("program", "there is no program 'lop'", "did you mean 'loop'?"),
        ("tools[0]", "there is no tool 'files_raed'", "did you mean 'files_read'?"),
        ("tools[1].shel", "there is no tool 'shel'", "did you mean 'shell'?"),
    ]
    assert found[0].expected == "keywords or openai"


def test_a_misspelt_tool_in_a_denial_is_told_and_does_not_deny_nothing(bench):
    found = bench.mistakes(
        "deny: [tool:shel, 'tool:*', tool:shell]\napprovals: [{match: tool:flies}]\n", known=KNOWN
    )
    assert [(one.field, one.hint) for one in found] == [
        ("deny[0]", "did you mean 'shell'?"),
        ("approvals[0].match", "did you mean 'files'?"),
    ]


def test_names_are_not_checked_when_nobody_says_what_is_known(bench):
    assert bench.mistakes("program: lop\ntools: [nope]\n") == []


def test_what_a_part_says_about_its_options_becomes_a_mistake(bench):
    def tool(agent, name, options):
        if options:
            raise Invalid(f"{name} has no option {min(options)!r}.", todo="Leave it out.")

    def model(choice):
        if choice.name == "gone":
            raise ModelUnknown("There is no such model.")

    def program(agent):
        if agent.options:
            raise Invalid(f"{agent.program} takes no options.")

    found = bench.mistakes(
        "program: {name: loop, options: {a: b}}\n"
        "tools: [files_read, {shell: {x: 1}}]\nfallbacks: [keywords:gone]\n",
        known=Known(tools=KNOWN.tools, tool=tool, model=model, program=program),
    )
    assert [(one.field, one.problem, one.hint) for one in found] == [
        ("program", "loop takes no options", ""),
        ("tools[1].shell", "shell has no option 'x'", "Leave it out"),
        ("fallbacks[0]", "There is no such model", ""),
    ]


def test_a_pattern_of_events_is_words(bench):
    found = bench.mistakes(
        """\
        triggers:
          - event: orders.*.created
          - event: orders..created
          - event: "orders.cre*"
          - event: a b
          - event: x
            input: "{{ payload.id }} {{ nothing.here }}"
          - event: y
            input: "{{ }}"
        """
    )
    fields = ["triggers[1].event", "triggers[2].event", "triggers[3].event", "triggers[4].input"]
    assert [one.field for one in found] == [*fields, "triggers[5].input"]
    assert "`*` is one word" in found[0].hint


def test_other_kinds_of_triggers_are_told_what_to_do_today(bench):
    found = bench.mistakes("triggers: [{webhook: x}, {cron: '0 7 * * *'}, {nope: 1}]\n")
    assert [one.field for one in found][:2] == ["triggers[0]", "triggers[1]"]
    assert "POST /v1/events" in found[0].hint
    assert "schedule" in found[1].hint
    assert any(one.field.startswith("triggers[2]") for one in found[2:])


def test_a_mode_of_a_later_version_says_what_is_possible_today(bench):
    assert "come with the moot" in bench.mistake("mode: collaborative\n").hint


def test_scheduled_needs_a_schedule(bench):
    found = bench.mistake("mode: scheduled\n")
    assert (found.field, "come from `schedule`" in found.problem) == ("mode", True)
    assert bench.mistakes("mode: scheduled\nschedule: {every: 5m, input: Look.}\n") == []


def test_only_continuous_agents_say_how_they_keep_conversations(bench):
    for mode in ("", "mode: autonomous\n"):
        found = bench.mistake(f"{mode}continuous: {{idle: 5m}}\n")
        assert (found.field, found.hint) == ("continuous", "write mode: continuous")
    assert bench.mistakes("mode: continuous\ncontinuous: {idle: 5m}\n") == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("workspace: {path}", "workspace"),
        ("output: {{file: {path}}}", "output.file"),
        ("fallbacks: [{{provider: scripted, script: {path}}}]", "fallbacks[0].script"),
    ],
)
@pytest.mark.parametrize("path", ['"a\\0b"', "a" * 300, "b/" + "ä" * 130 + "/c"])
def test_a_path_that_no_file_can_have_is_a_mistake_and_no_fault(bench, text, field, path):
    mistake = bench.mistake(text.format(path=path))
    assert (mistake.field, mistake.expected[:6]) == (field, "a path")


def test_a_path_that_is_too_long_as_a_whole_is_a_mistake_and_no_fault(bench):
    long = "deep/" * 2000
    assert "there is no file" in bench.mistake(f"output: {{file: {long}x}}").problem
    assert bench.mistakes(f"workspace: {long}x") == []


def test_a_workspace_that_is_a_circle_of_links_is_a_mistake(bench):
    (bench.folder / "round").symlink_to("round")
    assert bench.mistake("workspace: round").problem == "this is not a folder"
