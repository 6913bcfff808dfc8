"""What can be said of a machine before anything of ours is opened. Nothing is left behind."""

import os
import socket
import tempfile
import time
from pathlib import Path

from folkmoot.ports.desk import Part

_SYNCS = 5
_TOO_FAST_MS = 0.02  # no disk and no SSD keeps a promise in 20 microseconds
_PAGE = b"folkmoot" * 512


def flush(store: str) -> Part:
    """The disk under the store takes bytes and makes them durable, and how long that takes."""
    if not store.startswith("sqlite:///"):
        return Part(name="flush", ok=True, detail=f"not used by {store.partition(':')[0]}")
    place = _nearest(Path(store.removeprefix("sqlite:///")).parent)
    try:
        took = _flush_ms(place)
    except OSError as fault:
        return Part(name="flush", ok=False, detail=f"{place}: {fault.strerror}")
    if took < _TOO_FAST_MS:
        detail = f"{place}: {took:.3f} ms; this is memory, or a disk that only says it wrote"
        return Part(name="flush", ok=False, critical=False, detail=detail)
    return Part(name="flush", ok=True, detail=f"{place}: {took:.2f} ms each")


def _nearest(place: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    place = place.absolute()
    return next(folder for folder in (place, *place.parents) if folder.is_dir())


def _flush_ms(place: Path) -> float:
    """Return the time of the middle flush of a few, in milliseconds."""
    times = []
    with tempfile.TemporaryFile(dir=place) as file:
        for _ in range(_SYNCS):
            file.write(_PAGE)
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
