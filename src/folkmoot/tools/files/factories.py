"""The names of the files tools in an agent file; `files` stands for all five."""

from typing import Any

from folkmoot.core.agent import Agent
from folkmoot.ports.tool import Tool, ToolFactory
from folkmoot.tools import options
from folkmoot.tools.files.base import FilesOptions
from folkmoot.tools.files.edit import Edit
from folkmoot.tools.files.glob import Glob
from folkmoot.tools.files.grep import Grep
from folkmoot.tools.files.read import Read
from folkmoot.tools.files.write import Write

NAMES = ("files_read", "files_write", "files_edit", "files_glob", "files_grep")


def _make(name: str, agent: Agent, given: FilesOptions) -> Tool:
    if name == "files_glob":
        return Glob(given, agent)
    if name == "files_grep":
        return Grep(given, agent)
    return {"files_read": Read, "files_write": Write, "files_edit": Edit}[name](given)


def _factory(group: str, *names: str) -> ToolFactory:
    def factory(agent: Agent, given: dict[str, Any]) -> tuple[Tool, ...]:
        read = options.read(group, given, FilesOptions)
        return tuple(_make(name, agent, read) for name in names)

    return factory


ACTIONS = {"files": ("read", "write")}
FACTORIES: dict[str, ToolFactory] = {
    "files": _factory("files", *NAMES),
    **{name: _factory(name, name) for name in NAMES},
}
