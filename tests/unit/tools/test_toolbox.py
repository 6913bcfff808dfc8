import subprocess
import sys

import pytest

from folkmoot.core.agent import Approval, ToolUse
from folkmoot.core.errors import Invalid
from folkmoot.testing.contracts.tool import agent_with
from folkmoot.tools.functions import tool
from folkmoot.tools.registry import Toolbox, builtin

FILES = ["files_read", "files_write", "files_edit", "files_glob", "files_grep"]


@tool
def greet(name: str) -> str:
    """Greet."""
    return name


def test_a_group_stands_for_its_tools_in_the_order_of_the_file():
    bound = builtin().bind(agent_with("shell", "files", "http_fetch"))
    assert list(bound) == ["shell", *FILES, "http_fetch"]


def test_one_tool_of_a_group_may_be_named_alone():
    assert list(builtin().bind(agent_with("files_read"))) == ["files_read"]


def test_a_function_tool_is_bound_under_its_name():
    box = Toolbox()
    box.add(greet)
    assert box.bind(agent_with("greet")) == {"greet": greet}


def test_a_tool_that_comes_twice_is_refused_with_both_names():
    with pytest.raises(Invalid, match="'files_read' twice: by 'files' and by 'files_read'"):
        builtin().bind(agent_with("files", "files_read"))


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(Invalid) as caught:
        builtin().bind(agent_with("file_reed"))
    assert "file_reed" in caught.value.message
    assert "files_read" in caught.value.todo


def test_a_name_is_registered_once():
    box = builtin()
    with pytest.raises(Invalid, match="already"):
        box.register("shell", lambda *_: ())


@pytest.mark.parametrize("name", ["", "two words", "ü", "9lives", "x" * 65])
def test_a_name_that_providers_refuse_is_refused_here(name):
    with pytest.raises(Invalid, match="not a name"):
        Toolbox().register(name, lambda *_: ())


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("files", {"max_byte": 1}, "max_bytes"),
        ("files_glob", {"results": 0}, "at least 1"),
        ("files", {"results": "many"}, "results"),
        ("files", {"skip": ["[!]"]}, "no character"),
        ("shell", {"environment": []}, "env"),
        ("http_fetch", {"timeout_s": 0}, "more than 0"),
        ("http_request", {"retries": 3}, "redirects"),
    ],
)
def test_options_that_do_not_fit_are_told_with_those_that_there_are(name, options, told):
    with pytest.raises(Invalid) as caught:
        builtin().bind(agent_with(ToolUse(name, options)))
    assert told in str(caught.value)
    assert name in str(caught.value)


def test_a_tool_without_options_takes_none():
    box = Toolbox()
    box.add(greet)
    with pytest.raises(Invalid, match="takes no options"):
        box.bind(agent_with(ToolUse("greet", {"x": 1})))


@pytest.mark.parametrize("name", ["remember", "recall"])
def test_memory_tools_are_known_and_refused(name):
    with pytest.raises(Invalid, match="no memory yet"):
        builtin().bind(agent_with(name))


def test_the_toolbox_does_not_load_the_http_client():
    program = (
        "import sys, folkmoot.tools.registry as r; r.builtin(); sys.exit('httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", ["files", "http_fetch", "http_request"])
def test_an_agent_may_deny_or_ask_about_a_tool_with_capitals_in_its_name(name):
    agent = agent_with(name, denies=("tool:SendMail",), approvals=(Approval(match="tool:Pay"),))
    assert builtin().bind(agent)
