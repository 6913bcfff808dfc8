"""Notes as Redis commands. What the fields mean: docs/how-to/hot-state.md."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from folkmoot.telemetry import masks
from folkmoot.telemetry.hotstate.gathering import About
from folkmoot.telemetry.hotstate.keys import Keys
from folkmoot.telemetry.hotstate.note import Note

Command = tuple[str | int | float | bytes, ...]
_encode = msgspec.json.encode


def when(ms: int) -> str:
    """Return a time (ms since 1970) as ISO 8601, in UTC.

    >>> when(1_795_000_000_123)
    '2026-11-18T09:06:40.123Z'
    """
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def of_run(note: Note, keys: Keys) -> list[Command]:
    """Return what writes a run's numbers and progress. Its numbers count as written from then on."""
    stay = keys.ended_s if note.ended else keys.open_s
    metrics, progress = keys.metrics(note.run.id), keys.blackboard(note.run.id, "progress")
    sums, note.sums = note.sums, {}
    fields = _facts(note)
    commands: list[Command] = []
    if note.whole and sums:
        fields |= sums
        note.whole = False
    else:
        commands = [_increment(metrics, name, amount) for name, amount in sums.items()]
    flat = [part for pair in fields.items() for part in pair]
    return [
        ("HSET", metrics, *flat),
        *commands,
        ("EXPIRE", metrics, stay),
        ("HSET", progress, note.run.agent, _progress(note)),
        ("EXPIRE", progress, stay),
    ]


def of_agent(about: About, keys: Keys) -> list[Command]:
    """Return what writes an agent's state and errors. Its errors count as written from then on."""
    commands: list[Command] = []
    if about.note is not None:
        state = keys.agent(about.name, "state")
        commands.append(("SET", state, _state(about.note), "EX", keys.open_s))
    if about.errors:
        key = keys.agent(about.name, "errors")
        errors, about.errors = about.errors, {}
        commands += [("HINCRBY", key, code, times) for code, times in errors.items()]
        commands.append(("HINCRBY", key, "total", sum(errors.values())))
        commands.append(("EXPIRE", key, keys.open_s))
    return commands


def of_packet(agent: str, packet: dict[str, Any], keys: Keys) -> Command:
    """Return what writes an agent's packet."""
    return ("SET", keys.agent(agent, "packet"), _encode(packet), "EX", keys.open_s)


def _facts(note: Note) -> dict[str, str | int | float]:
    run = note.run
    facts: dict[str, str | int | float] = {
        "agent": run.agent,
        "status": note.status,
        "attempt": note.attempt,
        "entries": note.seq,
        "started_at": when(run.created_at),
        "last_activity": when(note.at),
    }
    if note.ended:
        facts["ended_at"] = when(note.at)
        facts["seconds"] = round(max(note.at - run.created_at, 0) / 1000, 3)
    return facts


def _increment(key: str, name: str, amount: float) -> Command:
    verb = "HINCRBYFLOAT" if isinstance(amount, float) else "HINCRBY"
    return (verb, key, name, amount)


def _progress(note: Note) -> bytes:
    said = {
        "agent": note.run.agent,
        "status": note.status,
        "attempt": note.attempt,
        "entry": note.seq,
        "doing": note.doing,
        "timestamp": when(note.at),
    }
    return _encode(said)


def _state(note: Note) -> bytes:
    run = note.run
    said: dict[str, str | int] = {"agent_id": run.agent}
    if role := run.labels.get("role"):
        said["role"] = masks.text(role)
    said |= {
        "status": note.status,
        "current_task": run.id,
        "doing": note.doing,
        "attempt": note.attempt,
        "entry": note.seq,
        "last_activity": when(note.at),
    }
    if run.worker:
        said["worker"] = run.worker
    return _encode(said)
