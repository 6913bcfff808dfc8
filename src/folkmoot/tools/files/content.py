"""Content of files: read within limits, written whole or not at all."""

import hashlib
import os
import stat
from contextlib import suppress

from folkmoot.tools.files.faults import of
from folkmoot.tools.files.workspace import Workspace, split
from folkmoot.tools.trouble import Trouble

_LOOK = 8_192
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_PLAIN_MODE = 0o777  # what is kept of an old file's mode: no setuid, no sticky bit


def read(fd: int, path: str, most: int) -> bytes:
    """Return all bytes of an open file. Raises Trouble when there are more than `most`."""
    size = os.fstat(fd).st_size
    if size > most:
        raise Trouble(
            "TOO_LARGE", f"`{path}` has {size:,} bytes; at most {most:,} are read (`max_bytes`)."
        )
    with open(fd, "rb", closefd=False) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Trouble("TOO_LARGE", f"`{path}` grew beyond {most:,} bytes while it was read.")
    return data


def text(data: bytes, path: str) -> str:
    """Return bytes as text. Raises Trouble when they are not UTF-8 text."""
    if is_binary(data):
        raise Trouble("BINARY_FILE", f"`{path}` is not text ({len(data):,} bytes).")
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        raise Trouble(
            "BINARY_FILE", f"`{path}` is not UTF-8 text (byte {fault.start:,} is not)."
        ) from None


def is_binary(data: bytes) -> bool:
    """Whether bytes look like no text: there is a NUL near the beginning."""
    return b"\0" in data[:_LOOK]


def replace(workspace: Workspace, folder: int, path: str, data: bytes, effect: str) -> None:
    """Put a file in place of what is there, atomically and durably.

    The new content is written beside the old, flushed, and renamed over it: a crash leaves the old
    file or the new one. What a crash leaves beside it is taken away when the same effect is
    repeated. Mode and owner stay. Raises Trouble, and then the file is as it was.
    """
    _, name = split(path)
    old = _old(workspace, folder, name, path)
    beside = f".folkmoot-{hashlib.sha256(effect.encode()).hexdigest()[:20]}"
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)
    try:
        _write(folder, beside, data, old)
        os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        _flush(folder)
    except OSError as fault:
        with suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise of(fault, path) from None


def _old(workspace: Workspace, folder: int, name: str, path: str) -> os.stat_result | None:
    """Look at the file that is there. A link, a folder, a device is not replaced."""
    try:
        fd = workspace.open(folder, name, path)
    except Trouble as trouble:
        if trouble.code == "NOT_FOUND":
            return None
        raise
    try:
        old = os.fstat(fd)
    finally:
        os.close(fd)
    if not old.st_mode & _WRITABLE:  # a rename would not ask
        raise Trouble("NO_PERMISSION", f"`{path}` is marked read-only.")
    return old


def _write(folder: int, name: str, data: bytes, old: os.stat_result | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o666, dir_fd=folder)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if old is not None:
            with suppress(PermissionError):  # only root may give files away
                os.fchown(fd, old.st_uid, old.st_gid)
            os.fchmod(fd, stat.S_IMODE(old.st_mode) & _PLAIN_MODE)
        os.fsync(fd)
    finally:
        os.close(fd)


def _flush(folder: int) -> None:
    """Make the new name durable too."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
