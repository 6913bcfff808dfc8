"""Entries and deltas as JSON. What an entry says is copied as it is stored, not read and written again.

The result is an EntryBody (bodies.py); a test holds the two together.
"""

import msgspec

from folkmoot.core.entries import Entry
from folkmoot.ports.desk import Delta


class _RawEntry(msgspec.Struct):
    run: str
    seq: int
    at: int
    kind: str
    hash: str
    body: msgspec.Raw


_encoder = msgspec.json.Encoder()


def entry_json(entry: Entry) -> bytes:
    """Return an entry as an EntryBody in JSON; what it says is copied, not read and written again."""
    raw = _RawEntry(
        entry.run, entry.seq, entry.at, entry.kind, entry.hash.hex(), msgspec.Raw(entry.body)
    )
    return _encoder.encode(raw)


def delta_json(delta: Delta) -> bytes:
    """Return a delta in JSON."""
    return _encoder.encode(delta)
