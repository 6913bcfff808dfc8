"""The workspace as the files tools see it: a tree that is entered by descriptor, name by name.

Every step of a path is opened relative to the folder before it, with O_NOFOLLOW. So no link is ever
followed, whoever puts it there and whenever: there is no moment between a check and its use. The
workspace's own path may pass through links; that is its owner's business.

A path through a link is answered with where the link leads, when that is inside: asking for that
path again makes the gate judge the real one.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from folkmoot.tools.files.faults import of
from folkmoot.tools.files.paths import ROOT, join
from folkmoot.tools.trouble import Trouble

_ENTER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # NONBLOCK: a FIFO must not hold us
_LOCK_WAIT_S = 5.0
_LOCK_LOOK_S = 0.005


class Workspace:
    """A folder and everything below it. All methods block; they run in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def make(self) -> None:
        """Create the folder itself, when it is not there."""
        self._root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def folder(self, path: str, *, create: bool = False, asked: str = "") -> Iterator[int]:
        """Open a folder below the workspace and give its descriptor. Raises Trouble.

        `asked` is the path of what is wanted inside, for the answer when a link is in the way.
        """
        fd = self._enter_root()
        done = ROOT
        try:
            for name in [] if path == ROOT else path.split("/"):
                done = join(done, name)
                inner = self._enter(fd, name, done, asked or path, create=create)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    @contextmanager
    def file(self, path: str) -> Iterator[int]:
        """Open a regular file for reading and give its descriptor. Raises Trouble."""
        above, name = split(path)
        with self.folder(above, asked=path) as folder:
            fd = self.open(folder, name, path)
            try:
                yield fd
            finally:
                os.close(fd)

    def open(self, folder: int, name: str, path: str) -> int:
        """Open a regular file in an open folder for reading. Raises Trouble."""
        try:
            fd = os.open(name, os.O_RDONLY | _OPEN, dir_fd=folder)
        except OSError as fault:
            raise self._explained(fault, folder, name, path, path) from None
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode):
            return fd
        os.close(fd)
        if stat.S_ISDIR(mode):
            raise Trouble("IS_A_FOLDER", f"`{path}` is a folder.")
        raise Trouble("NOT_A_FILE", f"`{path}` is not a regular file.")

    @contextmanager
    def locked(self, folder: int) -> Iterator[None]:
        """Hold a folder for a change: two edits of one file must not undo each other.

        The lock is the kernel's, so it holds between workers too, and ends with its holder. Whoever
        else keeps it makes us give up, not wait for ever. Raises Trouble.
        """
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            deadline = time.monotonic() + _LOCK_WAIT_S
            while not _lock(fd):
                if time.monotonic() >= deadline:
                    raise Trouble("BUSY", "Somebody else is changing this folder; try again.")
                time.sleep(_LOCK_LOOK_S)
            yield
        finally:
            os.close(fd)

    def _enter_root(self) -> int:
        try:
            return os.open(self._root, _ENTER & ~os.O_NOFOLLOW)
        except OSError:
            raise Trouble("NOT_FOUND", "The workspace is not there.") from None

    def _enter(self, folder: int, name: str, done: str, path: str, *, create: bool) -> int:
        try:
            if create:
                _make(folder, name)
            return os.open(name, _ENTER, dir_fd=folder)
        except OSError as fault:
            raise self._explained(fault, folder, name, done, path) from None

    def _explained(self, fault: OSError, folder: int, name: str, done: str, path: str) -> Trouble:
        """Say what stands in the way at `done` of `path`."""
        try:
            os.readlink(name, dir_fd=folder)
        except OSError:
            return of(fault, done)
        return self._linked(done, path)

    def _linked(self, link: str, path: str) -> Trouble:
        root = Path(os.path.realpath(self._root))
        try:
            real = Path(os.path.realpath(root / link))
        except OSError:  # somebody took it away between two looks
            return Trouble("IS_A_LINK", f"`{link}` is a link that changes.")
        if not real.is_relative_to(root):
            return Trouble(
                "OUTSIDE_WORKSPACE", f"`{link}` is a link that leads out of the workspace."
            )
        rest = path.removeprefix(link).removeprefix("/")
        better = (real.relative_to(root) / rest).as_posix()
        return Trouble("IS_A_LINK", f"`{link}` is a link; use the path `{better}`.")


def split(path: str) -> tuple[str, str]:
    """Return the folder and the name of a path. Raises Trouble for the workspace itself."""
    if path == ROOT:
        raise Trouble("IS_A_FOLDER", "`.` is the workspace, a folder.")
    above, _, name = path.rpartition("/")
    return above or ROOT, name


def _make(folder: int, name: str) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
