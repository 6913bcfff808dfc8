"""The doctor's list: what a deployment needs, tried one by one."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from folkmoot.agents.catalog import Agents
from folkmoot.agents.source import Want
from folkmoot.config import Settings
from folkmoot.core.agent import SandboxUse
from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import Desk, Part
from folkmoot.sandboxes.registry import choose

Opened = Callable[[], AbstractAsyncContextManager[Desk]]

_SQLITE = (3, 38, 0)
_ENOUGH_BYTES = 100_000_000
_KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "AWS_ACCESS_KEY_ID")


async def examine(
    settings: Settings, catalog: Agents, env: Mapping[str, str], opened: Opened
) -> list[Part]:
    """Try everything; a part that is not `critical` only limits what agents can do."""
    return [
        _python(),
        _sqlite(),
        _sandbox(),
        await _agents(settings, catalog),
        _keys(env),
        _space(),
        await _store(opened),
    ]


def _python() -> Part:
    return Part(name="python", ok=sys.version_info >= (3, 11), detail=sys.version.split()[0])


def _sqlite() -> Part:
    ok = sqlite3.sqlite_version_info >= _SQLITE
    return Part(name="sqlite", ok=ok, detail=f"{sqlite3.sqlite_version} (needs 3.38)")


def _sandbox() -> Part:
    try:
        found = choose(SandboxUse())
    except FolkmootError as fault:
        return Part(name="sandbox", ok=False, detail=str(fault), critical=False)
    return Part(
        name="sandbox", ok=True, detail=f"{found.name}: {', '.join(sorted(found.capabilities))}"
    )


async def _agents(settings: Settings, catalog: Agents) -> Part:
    await catalog.refresh(Want(now=True))
    wrong = [fault.message for fault in catalog.faults] + [str(m) for m in catalog.mistakes]
    names = catalog.names()
    if wrong:
        return Part(name="agents", ok=False, detail="; ".join(wrong))
    nobody = f"none in {', '.join(settings.agents)}"
    return Part(name="agents", ok=True, detail=", ".join(names) or nobody)


def _keys(env: Mapping[str, str]) -> Part:
    found = [name for name in _KEYS if env.get(name)]
    return Part(
        name="keys", ok=True, detail=", ".join(found) or "none: offline models only", critical=False
    )


def _space() -> Part:
    folder = Path.cwd()
    free = shutil.disk_usage(folder).free
    enough = free > _ENOUGH_BYTES
    return Part(
        name="disk", ok=enough, detail=f"{free // 1_000_000} MB free under {os.fspath(folder)}"
    )


async def _store(opened: Opened) -> Part:
    """Open the store, write to it, and verify its newest journals."""
    try:
        async with opened() as desk:
            counts = await desk.counts()
            found = await desk.verify()
    except FolkmootError as fault:
        return Part(name="store", ok=False, detail=str(fault))
    if found.broken:
        first = found.broken[0]
        return Part(
            name="store", ok=False, detail=f"run {first.run}, entry {first.seq}: {first.reason}"
        )
    detail = f"{sum(counts.states.values())} runs, {found.entries} entries verified"
    return Part(name="store", ok=True, detail=detail)
