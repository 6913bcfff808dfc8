"""docs/reference/tools.md and sandboxes.md name every tool, option, argument, code and capability."""

import re
from pathlib import Path

import msgspec
import pytest

from folkmoot.sandboxes.process import ProcessSandbox
from folkmoot.sandboxes.registry import KINDS
from folkmoot.testing.contracts.tool import agent_with
from folkmoot.tools.files.base import SKIPPED, FilesOptions
from folkmoot.tools.functions import FunctionTool
from folkmoot.tools.http.fetch import HttpOptions
from folkmoot.tools.registry import builtin
from folkmoot.tools.shell import ShellOptions

ROOT = Path(__file__).parents[3]
TOOLS = (ROOT / "docs/reference/tools.md").read_text("utf-8")
SANDBOXES = (ROOT / "docs/reference/sandboxes.md").read_text("utf-8")
HOW_TO = (ROOT / "docs/how-to/tools.md").read_text("utf-8")
BOUND = builtin().bind(agent_with("files", "shell", "http_fetch", "http_request"))
_CODE = re.compile(r"""["']([A-Z][A-Z]+(?:_[A-Z]+)+|BUSY)["']""")
_NOT_CODES = {"SSL_CERT_FILE", "CERTIFICATE_VERIFY_FAILED"}


def rows(page):
    """Return the first cells of all tables, without their marks."""
    cells = [line.split("|")[1] for line in page.splitlines() if line.lstrip().startswith("|")]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_tool_has_its_row():
    assert set(builtin().names()) <= rows(TOOLS)


@pytest.mark.parametrize("name", sorted(BOUND))
def test_the_effect_of_every_tool_is_right(name):
    row = next(line for line in TOOLS.splitlines() if line.startswith(f"| `{name}` |"))
    assert row.split("|")[3].strip() == f"`{BOUND[name].spec.effect}`"


def test_every_argument_and_every_option_has_its_row():
    arguments = {name for tool in BOUND.values() for name in tool.spec.schema["properties"]}
    options = {
        name
        for shape in (FilesOptions, HttpOptions, ShellOptions)
        for name in shape.__struct_fields__
    }
    assert (arguments | options) - rows(TOOLS) == set()


def test_defaults_of_options_are_right():
    for shape in (FilesOptions, HttpOptions):
        for field in msgspec.structs.fields(shape):
            if field.name != "skip":
                row = rf"\| `{field.name}` \| [a-z ]+ \| `{field.default:.0f}` \|"
                assert re.search(row, TOOLS), field.name
    assert all(f"`{name}`" in TOOLS for name in SKIPPED)


def test_every_code_is_documented():
    found = set()
    for path in (ROOT / "src/folkmoot/tools").rglob("*.py"):
        found |= set(_CODE.findall(path.read_text("utf-8")))
    assert "OUTSIDE_WORKSPACE" in found
    assert sorted(code for code in found - _NOT_CODES if f"`{code}`" not in TOOLS) == []


def test_every_capability_and_kind_is_documented():
    capabilities = {"filesystem", "network", "processes", "memory", "pids", "cpu", "dies-with-us"}
    assert ProcessSandbox(isolated=True).capabilities <= capabilities
    assert capabilities <= rows(SANDBOXES)
    assert all(f"`kind: {kind}`" in SANDBOXES for kind in KINDS)


def test_the_first_example_works():
    """The plugin of the how-to page is a plugin."""
    source = HOW_TO.split("```python\n")[1].split("```")[0]
    space = {}
    exec(compile(source, "distance.py", "exec"), space)

    class App:
        toolbox = builtin()

    space["register"](App)
    (bound,) = App.toolbox.bind(agent_with("distance")).values()
    assert bound.spec.schema["properties"]["unit"]["description"] == "`km` or `miles`."
    assert isinstance(bound, FunctionTool)


def test_the_later_examples_bring_what_they_name():
    space = {}
    for part in HOW_TO.split("```python\n")[2:4]:
        exec(compile(part.split("```")[0], "mail.py", "exec"), space)
    assert space["send_mail"].spec.effect == "reconcilable"
    for line in re.findall(r"`(from folkmoot[^`]+)`", HOW_TO):
        exec(line, space)
    assert {"ToolContext", "ToolResult", "ToolFault"} <= set(space)
