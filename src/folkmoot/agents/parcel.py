"""A shelf in memory, of what was fetched from somewhere; and its keeping on disk.

What is on the list and was not fetched yet is asked for by reading it: `wanted` says what was missed,
and who fetches it reads again.
"""

import hashlib
import logging
import os
import posixpath
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path

import msgspec

from folkmoot.agents.shelf import MAX_BYTES, TOO_LARGE, agent_files

_log = logging.getLogger("folkmoot.agents")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives the process: name → (tag, bytes), and when (ms) what was looked at."""

    files: dict[str, tuple[str, bytes]]
    looked: dict[str, int]
    listed: int


class Parcel:
    """A Shelf. A `tag` is what the place calls this version of a file."""

    def __init__(self, root: str) -> None:
        """`root` is how people name the place."""
        self._root = root
        self._listed: dict[str, tuple[str, int]] = {}
        self._held: dict[str, tuple[str, bytes]] = {}
        self._wanted: set[str] = set()

    def note(self, names: Mapping[str, tuple[str, int]]) -> None:
        """Take what there is now: name → (tag, size)."""
        self._listed = dict(names)

    def put(self, name: str, tag: str, data: bytes) -> None:
        """Take a file that was fetched; it may be newer than the list."""
        self._listed[name] = (tag, len(data))
        self._held[name] = (tag, data)

    def drop(self, name: str) -> None:
        """Take a file off the list."""
        self._listed.pop(name, None)

    def wanted(self) -> list[str]:
        """Return what was missed since the last call."""
        wanted, self._wanted = sorted(self._wanted), set()
        return wanted

    def forget_all_but(self, names: Iterable[str]) -> None:
        """Let go of what no agent is made of."""
        used = {posixpath.normpath(name) for name in names}
        self._held = {name: held for name, held in self._held.items() if name in used}

    def pack(self) -> dict[str, tuple[str, bytes]]:
        """Return what is held."""
        return dict(self._held)

    def unpack(self, files: Mapping[str, tuple[str, bytes]]) -> None:
        """Take what was held before."""
        for name, (tag, data) in files.items():
            self.put(name, tag, data)

    def shown(self, name: str) -> str:
        """Return the file's URL."""
        return f"{self._root}/{posixpath.normpath(name)}" if name else self._root

    def names(self) -> list[str]:
        """Return the agent files on the list."""
        return agent_files(self._listed)

    def stamp(self, name: str) -> Hashable:
        """Return the tag on the list, and whether we hold that version."""
        name = posixpath.normpath(name)
        tag = self._listed.get(name)
        return None if tag is None else (tag[0], self._here(name))

    def read(self, name: str) -> bytes | str:
        """Return a file's bytes, or a sentence; what we do not hold is wanted from now on."""
        name = posixpath.normpath(name)
        if name not in self._listed:
            return "the file cannot be read (there is none)"
        if self._listed[name][1] > MAX_BYTES:
            return TOO_LARGE
        if not self._here(name):
            self._wanted.add(name)
            return "the file is not here yet"
        return self._held[name][1]

    def holds(self, name: str) -> bool | None:
        """Whether the file is on the list; None for names that lead out."""
        name = posixpath.normpath(name)
        if name.startswith("/") or name.split("/")[0] == "..":
            return None
        return name in self._listed

    def _here(self, name: str) -> bool:
        return name in self._held and self._held[name][0] == self._listed[name][0]


class Parcels:
    """A folder in which parcels are kept, each in a file that is put in place whole."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when something is kept."""
        self._folder = folder

    def load(self, place: str) -> Kept | None:
        """Return what was kept of a place; None when nothing was, or nothing that can be read."""
        try:
            return msgspec.msgpack.decode(self._path(place).read_bytes(), type=Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as fault:
            _log.warning("agents_cache_unreadable", extra={"place": place, "error": str(fault)})
            return None

    def save(self, place: str, kept: Kept) -> None:
        """Keep. A disk that does not take it costs only the next start its head start."""
        path = self._path(place)
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
            ) as file:
                file.write(msgspec.msgpack.encode(kept))
            draft.replace(path)
        except OSError as fault:
            _log.warning("agents_cache_unwritten", extra={"place": place, "error": str(fault)})

    def _path(self, place: str) -> Path:
        return self._folder / f"{hashlib.sha256(place.encode()).hexdigest()[:24]}.agents"
