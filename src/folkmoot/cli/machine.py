"""What can be said of a machine before anything of ours is opened. Nothing is left behind."""

import json
import os
import socket
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from folkmoot.ports.desk import Part

_PYTHON = (3, 11)
_SQLITE = (3, 35, 0)  # RETURNING
_SYNCS = 5
_TOO_FAST_MS = 0.02  # no disk and no SSD keeps a promise in 20 microseconds
_KEYS = (
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "OLLAMA_HOST",
)


def python() -> Part:
    """The interpreter is new enough."""
    ok = sys.version_info >= _PYTHON
    detail = f"{sys.version.split()[0]} at {sys.executable}"
    return Part(name="python", ok=ok, detail=detail if ok else f"{detail}; 3.11 or newer is needed")


def sqlite() -> Part:
    """The SQLite library is new enough and speaks JSON."""
    found = sqlite3.sqlite_version
    with sqlite3.connect(":memory:") as base:
        try:
            [speaks] = base.execute("""select json_extract('{"a": [1, 2]}', '$.a[1]')""").fetchone()
        except sqlite3.OperationalError:
            speaks = None
    base.close()
    ok = sqlite3.sqlite_version_info >= _SQLITE and speaks == json.loads("2")
    wants = "" if ok else "; 3.35 or newer with JSON is needed"
    return Part(name="sqlite", ok=ok, detail=f"{found}{wants}")


def disk(store: str) -> Part:
    """The disk under the store takes bytes and flushes them, and how long that takes."""
    if not store.startswith("sqlite://"):
        return Part(name="disk", ok=True, detail=f"not used by {store.partition(':')[0]}")
    place = _nearest(Path(store.removeprefix("sqlite:///")).parent)
    try:
        took = _flush_ms(place)
    except OSError as fault:
        return Part(name="disk", ok=False, detail=f"{place}: {fault.strerror}")
    if took < _TOO_FAST_MS:
        detail = f"{place}: a flush takes {took:.3f} ms; memory, or a disk that only says it wrote"
        return Part(name="disk", ok=False, critical=False, detail=detail)
    return Part(name="disk", ok=True, detail=f"{place}: a flush takes {took:.2f} ms")


def _nearest(place: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    place = place.absolute()
    return next(folder for folder in (place, *place.parents) if folder.is_dir())


def _flush_ms(place: Path) -> float:
    """Return the time of the middle flush of a few, in milliseconds."""
    times = []
    with tempfile.TemporaryFile(dir=place) as file:
        for _ in range(_SYNCS):
            file.write(b"folkmoot" * 512)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[_SYNCS // 2]


def port(host: str, number: int) -> Part:
    """The API's port is free; if not, that may be a system of ours that runs already."""
    where = f"{host}:{number}"
    try:
        family, kind, *_, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as fault:
        detail = f"{where}: {fault.strerror}; another `folkmoot up`, or set FOLKMOOT_PORT"
        return Part(name="port", ok=False, critical=False, detail=detail)
    return Part(name="port", ok=True, detail=f"{where} is free")


def keys() -> Part:
    """Which providers have a key here. Names only: a value never leaves the environment."""
    names = [name for name in _KEYS if os.environ.get(name)]
    detail = ", ".join(names) if names else "none; scripted and keyword models need none"
    return Part(name="provider keys", ok=True, critical=False, detail=detail)
