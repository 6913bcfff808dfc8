"""A file becomes the Agent that it says, with the digest of what it means."""

from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from folkmoot.agents.load import check_file, load_file
from folkmoot.agents.units import mebibytes, seconds
from folkmoot.core.agent import (
    Agent,
    Approval,
    Budget,
    Context,
    Continuous,
    Limits,
    ModelChoice,
    Output,
    Retry,
    SandboxUse,
    ToolUse,
    Trigger,
)
from folkmoot.core.schedule import Schedule
from folkmoot.core.spend import Price

WHOLE = Path(__file__).with_name("whole.yaml").read_text(encoding="utf-8")


def test_every_field_arrives_in_the_agent(bench):
    assert bench.load(WHOLE, least=False) == Agent(
        name="whole",
        description="Everything at once.",
        instructions="Read, then write.",
        model=ModelChoice(
            provider="openai",
            name="gpt-5-mini",
            base_url="https://gateway.example.org/v1",
            api_key_env="GATEWAY_KEY",
            settings={"temperature": 0, "max_tokens": 4096},
            options={"transparent": True},
            timeout_s=90.0,
            retries=5,
            price=Price(250, 2000, 25, 313),
        ),
        fallbacks=(
            ModelChoice(provider="ollama", name="qwen3:8b"),
            ModelChoice(provider="scripted", name="script", options={"turns": [{"text": "Done."}]}),
        ),
        program="loop",
        options={"deep": True},
        tools=(ToolUse("files_read"), ToolUse("shell", {"env": ["LANG"]}), ToolUse("http_fetch")),
        grants=("http:get:example.org/**",),
        denies=("files:write:secrets/**", "tool:http_request"),
        approvals=(
            Approval(match="shell:run", by=("ann", "ben"), needs=2, expires_s=5400.0),
            Approval(match="tool:http_fetch"),
        ),
        sandbox=SandboxUse(
            kind="process",
            plain_process=True,
            network=True,
            memory_mb=488,
            pids=8,
            cpu_seconds=2,
            env=("LANG",),
        ),
        limits=Limits(
            iterations=9,
            tokens=1000,
            usd=1.0,
            seconds=7200.0,
            parallel_tools=2,
            tool_seconds=5.0,
            tool_output=999,
        ),
        budget=Budget(usd_per_day=2.5, usd_per_month=30.0),
        context=Context(policy="drop", max_tokens=5000, keep_messages=3),
        mode="continuous",
        continuous=Continuous(idle_s=90.0, max_history=9, keep_messages=4, policy="drop"),
        retry=Retry(attempts=3, delay_s=0.0, factor=1.0, max_delay_s=86_400.0),
        output=Output(schema={"type": "object"}, retries=1),
        triggers=(
            Trigger(event="orders.*.created", input="{{ payload.id }}", priority="high"),
            Trigger(event="#"),
        ),
        emits=("task.completed", "task.failed"),
        workspace=str(bench.folder.resolve() / "spaces" / "whole"),
        schedules=(
            Schedule(
                name="whole",
                agent="whole",
                input="Work.",
                cron="@daily",
                timezone="Europe/Berlin",
                overlap="allow",
                missed="skip",
                grace_s=300.0,
                source="file",
            ),
        ),
        labels={"team": "docs"},
    )


def test_what_is_left_out_has_the_agents_own_defaults(bench):
    agent = bench.load("")
    assert agent == Agent(
        name="sample",
        instructions="Work.",
        model=ModelChoice(provider="keywords", name="sample"),
        workspace=agent.workspace,
    )


def test_the_digest_does_not_know_how_the_file_was_written(bench):
    written_out = """\
        # A comment.
        model:   {provider: "keywords", name: 'sample', retries: 3, timeout: 2m}
        instructions: >

          Work.

        limits: {time: ~, iterations: 50}   # defaults, written out
        sandbox: {memory: 1GiB}
        context: {}
        name: sample
        """
    assert bench.load("").digest() == bench.load(written_out, least=False).digest()


@pytest.mark.parametrize(
    "text",
    ["description: x", "limits: {iterations: 51}", "labels: {a: b}", "workspace: .", "tools: [a]"],
)
def test_the_digest_knows_every_difference_in_meaning(bench, text):
    assert bench.load("").digest() != bench.load(text).digest()


def test_the_digest_does_not_know_where_files_lie_but_where_work_is_done(bench, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    text = (
        "name: a\ninstructions: {{file: {0}.md}}\n"
        "model: {{provider: scripted, name: s, script: {0}.script.yaml}}\n"
        f"output: {{{{file: {{0}}.json}}}}\nworkspace: '{shared}'\n"
    )
    digests = set()
    for folder in ("one", "two/deep"):
        bench.write("Work.\r\nWell.\n", f"{folder}/{folder[:3]}.md")
        bench.write("- text: Done.\n", f"{folder}/{folder[:3]}.script.yaml")
        bench.write('{"type": "object"}', f"{folder}/{folder[:3]}.json")
        path = bench.write(text.format(folder[:3]), f"{folder}/a.yaml")
        digests.add(load_file(path, workspaces=tmp_path / folder).digest())
    assert len(digests) == 1
    other = bench.write(text.format("one").replace("shared", "other"), "one/b.yaml")
    assert load_file(other, workspaces=tmp_path).digest() not in digests


def test_instructions_a_script_and_a_schema_may_stand_in_files(bench):
    bench.write("\nRead.\nWrite.\n", "prompts/a.md")
    bench.write(
        """\
        rules:
          - when: {turn: 0}
            text: First.
          - text: Always.
        """,
        "a.script.yaml",
    )
    bench.write("type: object\n", "out.yaml")
    agent = bench.load(
        """\
        name: a
        instructions: {file: prompts/a.md}
        model: {provider: scripted, script: a.script.yaml}
        output: {file: out.yaml}
        """,
        least=False,
    )
    assert agent.instructions == "Read.\nWrite."
    assert agent.model == ModelChoice(
        provider="scripted",
        name="a",
        options={
            "turns": [{"when": {"turn": 0}, "text": "First."}, {"when": {}, "text": "Always."}]
        },
    )
    assert agent.output == Output(schema={"type": "object"})


@pytest.mark.parametrize("name", ["../outside.md", "/etc/hostname", "link.md", "deep/../../x.md"])
def test_no_file_outside_the_agent_files_folder_is_read(bench, name):
    inside = bench.folder / "agents"
    (inside / "deep").mkdir(parents=True)
    bench.write("Outside.", "outside.md")
    bench.write("Outside.", "x.md")
    (inside / "link.md").symlink_to(bench.folder / "outside.md")
    text = f"name: a\ninstructions: {{file: '{name}'}}\nmodel: keywords:a\n"
    [found] = check_file(bench.write(text, "agents/a.yaml"))
    assert found.field == "instructions.file"
    assert "outside the agent file's folder" in found.problem


def test_a_folder_that_is_itself_a_link_is_no_way_out(bench):
    bench.write("Inside.", "real/a.md")
    bench.write("name: a\ninstructions: {file: a.md}\nmodel: keywords:a\n", "real/a.yaml")
    (bench.folder / "link").symlink_to(bench.folder / "real")
    agent = load_file(bench.folder / "link" / "a.yaml", workspaces=bench.folder)
    assert agent.instructions == "Inside."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file 'a.md'"),
        (b"  \n", "the file 'a.md' is empty"),
        (b"\xff", "in the file 'a.md': the byte 0xFF is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_where_it_is_named(bench, content, words):
    if content is not None:
        (bench.folder / "a.md").write_bytes(content)
    text = "name: a\ninstructions:\n  file: a.md\nmodel: keywords:a\n"
    found = bench.mistake(text, least=False)
    assert words in found.problem
    assert (found.line, found.column, found.field) == (3, 9, "instructions.file")


def test_a_mistake_in_a_file_that_is_read_in_is_told_in_that_file(bench):
    bench.write("a: [1,\n", "s.script.yaml")
    found = bench.mistake("fallbacks: [{provider: scripted, script: s.script.yaml}]")
    assert found.file.endswith("s.script.yaml")
    assert "not YAML" in found.problem


def test_a_script_that_is_no_list_of_rules_is_told(bench):
    bench.write("text: x\n", "s.script.yaml")
    found = bench.mistake("fallbacks: [{provider: scripted, script: s.script.yaml}]")
    assert found.field == "fallbacks[0].script"
    assert "a list of rules" in found.expected


def test_the_workspace_is_absolute_and_real(bench, monkeypatch):
    (bench.folder / "real").mkdir()
    (bench.folder / "link").symlink_to(bench.folder / "real")
    assert bench.load("workspace: link").workspace == str(bench.folder.resolve() / "real")
    assert bench.load("workspace: new/./one").workspace == str(bench.folder.resolve() / "new/one")
    monkeypatch.chdir(bench.folder)
    agent = load_file(Path("agent.yaml"), workspaces=Path("spaces"))
    assert Path(agent.workspace).is_absolute()


def test_loading_makes_no_folders(bench):
    agent = bench.load("")
    assert not Path(agent.workspace).exists()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86_400),
        ("250ms", 0.25),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        (7, 7),
        (0.5, 0.5),
        ("0s", 0),
    ],
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", "-5s", "5S", "1h30", "1:30", "s5", True, None, [], inf, -1, "9" * 12 + "d"]
)  # fmt: skip
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(PydanticCustomError):
        seconds(text)


@given(
    hours=st.integers(0, 99), minutes=st.integers(0, 59), rest=st.integers(0, 59), ms=st.integers(0, 999)
)  # fmt: skip
def test_a_duration_is_the_sum_of_its_parts(hours, minutes, rest, ms):
    length = seconds(f"{hours}h{minutes}m{rest}s{ms}ms")
    assert round(length * 1000) == ((hours * 60 + minutes) * 60 + rest) * 1000 + ms


@pytest.mark.parametrize(
    ("text", "value"),
    [("1MiB", 1), ("512MB", 488), ("1GiB", 1024), ("1.5 GiB", 1536), (2**21, 2), ("2097152", 2)],
)
def test_sizes(text, value):
    assert mebibytes(text) == value


@pytest.mark.parametrize("text", ["", "1", 64, "1M", "1gib", "-1GiB", True, None, 1.5, "1KiB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(PydanticCustomError):
        mebibytes(text)


def test_instructions_and_a_schema_beside_the_file_are_the_same_as_in_it(bench):
    bench.write("Work.\n", "a.md")
    bench.write("type: object\n", "out.yaml")
    beside = bench.load(
        "name: sample\ninstructions: {file: a.md}\nmodel: keywords:sample\noutput: {file: out.yaml}\n",
        least=False,
    )
    assert bench.load("output: {schema: {type: object}}").digest() == beside.digest()


def test_a_scripted_model_without_a_name_has_its_scripts(bench):
    bench.write("- text: Done.\n", "scripts/calm.script.yaml")
    agent = bench.load("fallbacks: [{provider: scripted, script: scripts/calm.script.yaml}]")
    assert str(agent.fallbacks[0]) == "scripted:calm"


@pytest.mark.parametrize(
    ("text", "attempts"),
    [
        ("", 1),
        ("mode: continuous", 1),
        ("mode: autonomous", 3),
        ("mode: autonomous\nretry: {delay: 1s}", 3),
        ("mode: autonomous\nretry: {attempts: 1}", 1),
    ],
)
def test_an_agent_that_works_alone_by_its_own_words_has_three_attempts(bench, text, attempts):
    assert bench.load(f"{text}\n").retry.attempts == attempts
