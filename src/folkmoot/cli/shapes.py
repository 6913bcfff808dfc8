"""What `--json` prints: plain JSON values with every field in place, whether it is set or not."""

from typing import Any

import msgspec

from folkmoot.core.entries import Entry
from folkmoot.core.run import Run
from folkmoot.core.schedule import Kept, comes
from folkmoot.core.spend import Spend


def full(value: msgspec.Struct) -> dict[str, Any]:
    """Return a struct with all its fields; core values leave defaults out when they are written."""
    return {name: getattr(value, name) for name in value.__struct_fields__}


def spend(value: Spend) -> dict[str, Any]:
    """Return what was used; `usd` is for reading, `nanos` is exact."""
    return full(value) | {"tokens": value.tokens, "usd": value.usd}


def run(value: Run) -> dict[str, Any]:
    """Return a run."""
    return full(value) | {"spend": spend(value.spend)}


def entry(value: Entry) -> dict[str, Any]:
    """Return a journal entry; `hash` in hex."""
    return {
        "run": value.run,
        "seq": value.seq,
        "at": value.at,
        "kind": value.kind,
        "hash": value.hash.hex(),
        "body": msgspec.Raw(value.body),
    }


def schedule(value: Kept) -> dict[str, Any]:
    """Return a schedule and how it went; `next_at` is the next slot with its jitter."""
    slot = value.next_slot if value.active else None
    at = None if slot is None else comes(value.schedule, slot)
    declared = full(value.schedule) | {"digest": value.schedule.digest()}
    return full(value) | {"schedule": declared, "next_slot": slot, "next_at": at}
