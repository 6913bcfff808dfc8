"""Walk: the files below a folder, in a fixed order, without following links.

Left out: names that the options skip, and everything that the agent's denies and approvals speak
of. A search needs one permission, for the folder where it begins; what inside that folder would be
denied, or would need a person, must not come to light by searching.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from folkmoot.core.agent import Agent
from folkmoot.core.grants import Grant, parse
from folkmoot.tools.files.paths import encodes, join
from folkmoot.tools.files.wildcard import Names
from folkmoot.tools.files.workspace import Workspace
from folkmoot.tools.threads import Stop

_MOST_DEEP = 64


class Hidden:
    """What an agent must not come across."""

    def __init__(self, agent: Agent) -> None:
        patterns = [*agent.denies, *(approval.match for approval in agent.approvals)]
        # `tool:` names tools, which may have capitals, and nothing that lies in a workspace
        rules = [parse(pattern) for pattern in patterns if not pattern.startswith("tool:")]
        self._rules = [
            rule
            for rule in rules
            if rule.service in {"*", "files"} and rule.action in {"*", "read"}
        ]

    def __contains__(self, path: object) -> bool:
        need = Grant("files", "read", str(path))
        return any(rule.covers(need) for rule in self._rules)


class Found(msgspec.Struct, frozen=True):
    """One entry: its path below the workspace, its kind, and the open folder it lies in.

    `kind` is `file`, `folder` or `link`; whatever else there is, is not found. `folder` is closed
    when the walk goes on.
    """

    path: str
    name: str
    kind: str
    folder: int


class Walk:
    """A walk through a workspace; `cut` says that its time was up, `deep` that folders lie deeper."""

    def __init__(
        self, workspace: Workspace, hidden: Hidden, skip: tuple[str, ...], stop: Stop
    ) -> None:
        self._workspace = workspace
        self._hidden = hidden
        self._skip = Names(skip)
        self._stop = stop
        self.cut = False
        self.deep = False
        self._bound = False

    @contextmanager
    def start(self, path: str, *, depth: int | None = None) -> Iterator[Iterator[Found]]:
        """Walk below a folder, at most `depth` folders deep. Raises Trouble."""
        self._bound = depth is None
        with self._workspace.folder(path) as folder:
            yield self._below(folder, path, _MOST_DEEP if depth is None else depth)

    def notes(self) -> list[str]:
        """Return what was not looked at, in words."""
        late = ["cut short: the time was up"] if self.cut else []
        deep = f"not looked at: folders more than {_MOST_DEEP} deep; begin the search further in"
        return [*late, *([deep] if self.deep else [])]

    def _below(self, folder: int, path: str, depth: int) -> Iterator[Found]:
        for name, mode in self._entries(folder, path):
            if self._stop.over():
                self.cut = True
                return
            inner = join(path, name)
            kind = _kind(mode)
            if not kind:
                continue
            yield Found(inner, name, kind, folder)
            if kind == "folder":
                yield from self._into(folder, name, inner, depth - 1)

    def _into(self, folder: int, name: str, path: str, depth: int) -> Iterator[Found]:
        if depth <= 0:
            self.deep = self.deep or self._bound
            return
        try:
            fd = os.open(
                name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
            )
        except OSError:
            return  # gone, or not for us to read
        try:
            yield from self._below(fd, path, depth)
        finally:
            os.close(fd)

    def _entries(self, folder: int, path: str) -> list[tuple[str, int]]:
        """Return names and modes in a folder, sorted by name; nothing that is hidden or skipped."""
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            with os.scandir(fd) as entries:
                found = [
                    (entry.name, _mode(entry))
                    for entry in entries
                    if not self._left_out(entry.name, path)
                ]
        finally:
            os.close(fd)
        return sorted(found)

    def _left_out(self, name: str, path: str) -> bool:
        # A name that is not UTF-8 cannot be written in JSON, so nobody could ask for it.
        return not encodes(name) or name in self._skip or join(path, name) in self._hidden


def _mode(entry: os.DirEntry[str]) -> int:
    """Return the kind bits of an entry as the folder tells them, without another system call."""
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    return stat.S_IFREG if entry.is_file(follow_symlinks=False) else 0


def _kind(mode: int) -> str:
    return {stat.S_IFLNK: "link", stat.S_IFDIR: "folder", stat.S_IFREG: "file"}.get(mode, "")
