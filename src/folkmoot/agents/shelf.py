"""Shelves: where agent files, and the files that they point to, are read from.

A name is a path with `/`, from the shelf's root. Nothing outside the root is read, whatever a name
says: a definition that came from elsewhere could otherwise send any file that we can read to a model.
"""

import os
import time
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Protocol

from folkmoot.core.errors import SourceFault

MAX_BYTES = 1_048_576
_ENDINGS = (".yaml", ".yml")
_YOUNG_NS = 1_000_000_000

CONFIG, PROMPT = "config.yaml", "system-prompt.md"
"""In a folder of its own an agent is two files of these names."""


class Shelf(Protocol):
    """Files by name. It blocks for as long as a local disk does, and never on a network."""

    def shown(self, name: str) -> str:
        """Return a name as a person finds the file by it."""
        ...

    def names(self) -> list[str]:
        """Return the names of the agent files, sorted. Raises SourceFault when nobody can tell."""
        ...

    def stamp(self, name: str) -> Hashable:
        """Return what changes when the file does; None when there is no such file."""
        ...

    def read(self, name: str) -> bytes | str:
        """Return a file's bytes, or a sentence that says why not."""
        ...

    def holds(self, name: str) -> bool | None:
        """Whether there is such a file; None when the name leads out of the root."""
        ...


class Folder:
    """A folder of files, or one file of it."""

    def __init__(self, root: Path, only: str = "") -> None:
        """`only`: the one file that is an agent file."""
        self._root, self._only = root, only

    def shown(self, name: str) -> str:
        """Return the path. What of it is no UTF-8 could be neither logged nor sent."""
        return os.fsencode(self._root / name).decode("utf-8", "replace")

    def names(self) -> list[str]:
        """Return the agent files; of a folder that is not there, none."""
        if self._only:
            return [self._only] if (self._root / self._only).exists() else []
        try:
            with os.scandir(self._root) as entries:
                return agent_files(self._with_files_of_folders(entries))
        except FileNotFoundError:
            return []
        except OSError as fault:
            raise SourceFault(
                f"The folder {self._root} cannot be read: {fault.strerror}.",
                kept="The agents that were read before.",
            ) from None

    def _with_files_of_folders(self, entries: Iterable["os.DirEntry[str]"]) -> Iterable[str]:
        for entry in entries:
            path = (
                self._root / entry.name
            )  # unlike the entry it takes a circle of links for no file
            if path.is_file():
                yield entry.name
            elif path.is_dir() and not entry.name.startswith("."):
                pair = (f"{entry.name}/{CONFIG}", f"{entry.name}/{PROMPT}")
                yield from (name for name in pair if (self._root / name).is_file())

    def stamp(self, name: str) -> Hashable:
        """Return inode, size and time of change.

        A file that has just been written may be written again within one tick of the file system's
        clock, with the same size: until it has aged a little, its stamp equals no other.
        """
        try:
            seen = (self._root / name).stat()
        except OSError:
            return None
        young = time.time_ns() - seen.st_mtime_ns < _YOUNG_NS
        token = time.monotonic_ns() if young else 0
        return (seen.st_mtime_ns, seen.st_size, seen.st_ino, seen.st_dev, token)

    def read(self, name: str) -> bytes | str:
        """Return a regular file's bytes, or a sentence."""
        path = self._root / name
        try:
            # A pipe or a device would block or never end.
            if path.exists() and not path.is_file():
                return "this is not a file"
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as fault:
            return f"the file cannot be read ({fault.strerror})"
        return data if len(data) <= MAX_BYTES else TOO_LARGE

    def holds(self, name: str) -> bool | None:
        """Whether there is such a file, by real paths: neither a link nor `..` leads out."""
        path = self._root / name
        try:
            inside = path.resolve().is_relative_to(self._root.resolve())
            return path.is_file() if inside else None
        except (OSError, RuntimeError):  # links in a circle; a path that is too long
            return False


TOO_LARGE = f"the file is larger than {MAX_BYTES} bytes"


def agent_files(names: Iterable[str]) -> list[str]:
    """Return which of these names are agent files, sorted.

    Those directly at the root that end in .yaml or .yml, but for hidden ones and for scripts of the
    scripted model; and `<folder>/config.yaml` where `<folder>/system-prompt.md` stands beside it.
    """
    known = set(names)
    return sorted(name for name in known if _is_agent_file(name, known))


def _is_agent_file(name: str, known: set[str]) -> bool:
    folder, _, file = name.rpartition("/")
    if folder:
        return "/" not in folder and file == CONFIG and f"{folder}/{PROMPT}" in known
    stem, dot, ending = file.rpartition(".")
    script = stem.endswith(".script")
    return f"{dot}{ending}" in _ENDINGS and not file.startswith(".") and not script
