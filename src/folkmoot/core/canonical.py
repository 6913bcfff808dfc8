"""Canonical digests: the same value gives the same hash, whatever the order of its keys."""

from hashlib import sha256
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def encode(value: Any) -> bytes:
    """Return a value as JSON with sorted keys."""
    return _encoder.encode(value)


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's canonical JSON."""
    return sha256(_encoder.encode(value)).hexdigest()
