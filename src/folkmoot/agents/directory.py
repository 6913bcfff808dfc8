"""A folder of agent files, or one file, as a source.

Every `*.yaml` and `*.yml` directly in the folder is an agent file, but for hidden ones and for
scripts of the scripted model (`*.script.yaml`); and `<folder>/config.yaml` beside a
`system-prompt.md`. A file with mistakes hides no other.

The operating system tells when something changes (watch.py); every few seconds we look anyway: on
network file systems, and where a link is put in place of another, nobody tells.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from folkmoot.agents.load import Ground, Loaded
from folkmoot.agents.reader import Reader
from folkmoot.agents.shelf import Folder
from folkmoot.agents.source import Want
from folkmoot.agents.watch import Watch
from folkmoot.core.errors import SourceFault

POLL_S = 5.0


class Directory:
    """The agent files of a folder, or a single one."""

    def __init__(self, path: Path, ground: Ground) -> None:
        """Read nothing yet. A folder that is not there holds no agents."""
        self.shown = str(path)
        self._path = path
        one = not path.is_dir() and path.suffix in {".yaml", ".yml"}
        self._root, only = (path.parent, path.name) if one else (path, "")
        ground = msgspec.structs.replace(ground, beside=self._root)
        self._reader = Reader(Folder(self._root, only), ground)

    def first(self) -> tuple[Loaded, ...]:
        """Read the folder."""
        return self._read(fresh=False)

    async def read(self, want: Want) -> tuple[Loaded, ...]:
        """Read what has changed; with `now`, everything."""
        return await asyncio.to_thread(self._read, fresh=want.now)

    def _read(self, *, fresh: bool) -> tuple[Loaded, ...]:
        if self._reader.last and not self._path.exists():
            raise SourceFault(
                f"{self._path} was there and is there no more.",
                kept="The agents that were read from it.",
                todo="Put it back; to take agents away, delete their files and leave the folder.",
            )
        return self._reader.read(fresh=fresh)

    def due_in(self) -> float:
        """Return the pause between looks."""
        return POLL_S

    def hints(self) -> AsyncIterator[None]:
        """Yield when the operating system says that something changed."""
        return Watch(self._folders, POLL_S).hints()

    def _folders(self) -> set[Path]:
        """Return the folders that files were read from, and where a link to the folder itself lies."""
        found = {self._root}
        if self._root.is_symlink():
            found.add(self._root.parent)
        for loaded in self._reader.last.values():
            found |= {(self._root / name).parent for name, _ in loaded.stamps}
        return {folder for folder in found if folder.is_dir()}
