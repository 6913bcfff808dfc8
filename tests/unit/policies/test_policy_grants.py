"""Authority comes from the agent file, segment by segment, and from nothing else."""

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core.agent import Agent, ModelChoice, ToolUse
from folkmoot.core.grants import Grant
from folkmoot.core.verdict import Act, Allow, Deny, Need
from folkmoot.policies.grants import Grants
from folkmoot.ports.policy import Case
from folkmoot.testing.contracts.policy import NOW, model_act, sample_agent, sample_view, tool_act

WORDS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=6)


def agent_with(**fields) -> Agent:
    return msgspec.structs.replace(sample_agent(), **fields)


async def judge(act: Act, agent: Agent):
    return Grants().judge(Case(act, agent, sample_view(), NOW))


async def test_naming_a_tool_gives_its_ordinary_needs():
    act = tool_act("shell:run", ordinary=True)
    assert await judge(act, sample_agent()) == Allow("grants")


async def test_naming_a_tool_gives_nothing_beyond_its_ordinary_needs():
    verdict = await judge(tool_act("net:get:example.org"), sample_agent())
    assert isinstance(verdict, Deny)
    assert verdict.code == "GRANT_MISSING"
    assert "net:get:example.org" in verdict.reason
    assert not verdict.stop


async def test_a_grant_without_naming_the_tool_gives_nothing():
    agent = agent_with(tools=(ToolUse("files_read"),), grants=("*:*",))
    verdict = await judge(tool_act("shell:run"), agent)
    assert isinstance(verdict, Deny)
    assert verdict.code == "TOOL_NOT_NAMED"


@pytest.mark.parametrize("named", ["shel", "shell2", "shell_", "s", "shell_run"])
async def test_a_tool_is_not_named_by_a_part_of_its_name(named):
    verdict = await judge(tool_act(), agent_with(tools=(ToolUse(named),)))
    assert isinstance(verdict, Deny)


async def test_every_need_must_be_covered_not_only_the_first():
    agent = agent_with(grants=("net:get:a.org",))
    assert isinstance(await judge(tool_act("net:get:a.org", "net:get:b.org"), agent), Deny)
    assert isinstance(await judge(tool_act("net:get:a.org"), agent), Allow)


async def test_a_grant_for_one_resource_does_not_cover_a_need_for_any():
    agent = agent_with(grants=("net:get:a.org",))
    assert isinstance(await judge(tool_act("net:get"), agent), Deny)


async def test_a_deny_beats_a_grant_and_an_ordinary_need():
    agent = agent_with(grants=("*:*",), denies=("shell:run",))
    for act in (tool_act("shell:run"), tool_act("shell:run:ls", ordinary=True)):
        verdict = await judge(act, agent)
        assert isinstance(verdict, Deny)
        assert verdict.code == "GRANT_DENIED"


async def test_a_deny_of_one_resource_catches_a_need_that_may_touch_any():
    agent = agent_with(grants=("files:write",), denies=("files:write:secret/**",))
    assert isinstance(await judge(tool_act("files:write"), agent), Deny)
    assert isinstance(await judge(tool_act("files:write:secret/a"), agent), Deny)
    assert isinstance(await judge(tool_act("files:write:open/a"), agent), Allow)


async def test_a_deny_may_name_the_tool():
    assert isinstance(await judge(tool_act(), agent_with(denies=("tool:shell",))), Deny)
    assert isinstance(await judge(tool_act(), agent_with(denies=("tool:shell2",))), Allow)


async def test_a_group_in_the_agent_file_gives_its_tools_and_no_others():
    agent = agent_with(tools=(ToolUse("files"),))
    given_by_group = msgspec.structs.replace(tool_act(), name="files_read", named="files")
    assert isinstance(await judge(given_by_group, agent), Allow)
    for name, named in (("files_read", ""), ("files_read", "file"), ("shell", "shell")):
        act = msgspec.structs.replace(tool_act(), name=name, named=named)
        assert isinstance(await judge(act, agent), Deny)


@pytest.mark.parametrize("pattern", ["tool:files", "tool:files_read", "tool:*"])
async def test_a_deny_reaches_a_tool_by_its_own_name_and_by_its_groups(pattern):
    agent = agent_with(tools=(ToolUse("files"),), denies=(pattern,))
    act = msgspec.structs.replace(tool_act(), name="files_read", named="files")
    assert isinstance(await judge(act, agent), Deny)


async def test_a_tool_with_capitals_in_its_name_can_be_denied():
    act = msgspec.structs.replace(tool_act(), name="getUser")
    agent = agent_with(tools=(ToolUse("getUser"),))
    assert isinstance(await judge(act, agent), Allow)
    denying = msgspec.structs.replace(agent, denies=("tool:getUser",))
    assert isinstance(await judge(act, denying), Deny)


async def test_only_the_agents_own_models_may_be_called():
    fallback = ModelChoice(provider="openai", name="small")
    agent = agent_with(fallbacks=(fallback,))
    assert isinstance(await judge(model_act(), agent), Allow)
    other = msgspec.structs.replace(model_act(), name="openai:small")
    assert isinstance(await judge(other, agent), Allow)
    foreign = msgspec.structs.replace(model_act(), name="openai:smaller")
    verdict = await judge(foreign, agent)
    assert isinstance(verdict, Deny)
    assert verdict.code == "MODEL_NOT_CHOSEN"
    assert verdict.stop, "a program could only ask for the same model again, for ever"


def need_of(service: str, action: str, resource: str | None) -> Act:
    need = Need(Grant(service, action, resource))
    return Act(kind="tool", name="shell", call="c1", needs=(need,))


@given(held=st.tuples(WORDS, WORDS), asked=st.tuples(WORDS, WORDS))
async def test_without_wildcards_only_the_same_words_are_granted(held, asked):
    agent = agent_with(grants=(":".join(held),))
    verdict = await judge(need_of(*asked, None), agent)
    assert isinstance(verdict, Allow) == (held == asked)


@given(words=st.tuples(WORDS, WORDS), extra=WORDS, at=st.integers(0, 1))
async def test_a_longer_or_shorter_word_is_another_word(words, extra, at):
    longer = list(words)
    longer[at] += extra
    held, asked = agent_with(grants=(":".join(words),)), need_of(*longer, None)
    assert isinstance(await judge(asked, held), Deny)
    held, asked = agent_with(grants=(":".join(longer),)), need_of(*words, None)
    assert isinstance(await judge(asked, held), Deny)


@given(path=st.lists(WORDS, min_size=1, max_size=4), extra=WORDS)
async def test_a_path_is_not_granted_by_its_beginning(path, extra):
    folder = "/".join(path)
    agent = agent_with(grants=(f"files:write:{folder}",))
    assert isinstance(await judge(need_of("files", "write", folder), agent), Allow)
    assert isinstance(await judge(need_of("files", "write", folder + extra), agent), Deny)
    assert isinstance(await judge(need_of("files", "write", f"{folder}/{extra}"), agent), Deny)
    inside = agent_with(grants=(f"files:write:{folder}/**",))
    assert isinstance(await judge(need_of("files", "write", folder + extra), inside), Deny)
    assert isinstance(await judge(need_of("files", "write", f"{folder}/{extra}"), inside), Allow)


@given(words=st.tuples(WORDS, WORDS), resource=st.none() | WORDS)
async def test_a_deny_with_the_words_of_the_need_always_wins(words, resource):
    written = ":".join(words)
    agent = agent_with(grants=("*:*", written), denies=(written,))
    assert isinstance(await judge(need_of(*words, resource), agent), Deny)
