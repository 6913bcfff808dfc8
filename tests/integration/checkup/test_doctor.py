"""The doctor looks at real deployments: one that works, and ones of which something was taken away."""

import asyncio
import socket
import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from folkmoot.app import App
from folkmoot.checkup import deployment
from folkmoot.config import ROLES, load
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return found.getsockname()[1]


@pytest.fixture
def given(tmp_path):
    port = free_port()

    def given(**more):
        where = {
            "store": f"sqlite:///{tmp_path / 'folkmoot.db'}",
            "agents": str(tmp_path / "agents"),
            "workspaces": tmp_path / "workspaces",
            "port": port,
            "log_level": "error",
        }
        return load(**(where | more))

    return given


@asynccontextmanager
async def running(settings, roles=ROLES):
    async with App(settings, env={}).running(roles) as desk:
        yield desk


async def looked(settings, *agents, deep=False):
    parts = await App(settings, agents, env={}).doctor(deep=deep)
    return {part.name: part for part in parts}


async def test_a_deployment_that_works_is_fit_and_drives_a_probe(given):
    async with running(given()) as desk:
        found = await looked(given(), deep=True)
        assert [name for name, part in found.items() if not part.ok and name != "sandbox"] == []
        for name in ("store", "broker", "clock", "workers", "leadership", "ledger", "probe", "api"):
            assert name in found
        (run,) = await desk.runs(Query())
        assert (run.agent, run.source, run.state) == (
            "folkmoot-doctor",
            "doctor",
            RunState.SUCCEEDED,
        )
        # A second look, over the same store: the agent is the same, the run is another.
        assert (await looked(given(), deep=True))["probe"].ok


async def test_before_anything_was_started_only_notes_are_left(given):
    found = await looked(given())
    assert [name for name, part in found.items() if not part.ok and part.critical] == []
    assert not found["workers"].ok
    assert (found["api"].ok, "folkmoot up" in found["api"].todo) == (False, True)


async def test_without_a_worker_the_probe_fails_and_is_taken_back(given, monkeypatch):
    monkeypatch.setattr(deployment, "RUN_S", 0.3)
    found = (await looked(given(), deep=True))["probe"]
    assert (found.ok, found.critical, "folkmoot worker" in found.todo) == (False, True, True)
    async with running(given()) as desk, asyncio.timeout(20):
        (run,) = await desk.runs(Query())
        assert (await desk.finished(run.id)).state is RunState.CANCELLED


async def test_an_api_that_refuses_our_key_is_named(given):
    async with running(given(api_keys=("right",))):
        assert (await looked(given(api_keys=("right",))))["api"].ok
        for keys in ((), ("wrong",)):
            found = (await looked(given(api_keys=keys)))["api"]
            assert (found.ok, found.critical) == (False, True)
            assert "FOLKMOOT_API_KEYS" in found.todo


async def test_a_store_that_is_not_ours_is_named_with_what_to_do(given, tmp_path):
    (tmp_path / "file").write_text("")
    found = (await looked(given(store=f"sqlite:///{tmp_path / 'file' / 'x.db'}")))["store"]
    assert (found.ok, found.critical, bool(found.todo)) == (False, True, True)


async def test_a_journal_that_was_touched_is_named(given, tmp_path):
    async with running(given()):
        assert (await looked(given(), deep=True))["ledger"].ok
    with closing(sqlite3.connect(tmp_path / "folkmoot.db")) as db:
        db.execute("UPDATE entries SET at = at + 1 WHERE seq = 2")
        db.commit()
    found = (await looked(given()))["ledger"]
    assert (found.ok, found.critical, "entry 2" in found.detail) == (False, True, True)


async def test_a_broker_that_is_not_there_is_named(given):
    pytest.importorskip("redis")
    url = f"redis://127.0.0.1:{free_port()}/0"
    found = await looked(given(broker=url))
    assert (found["broker"].ok, "FOLKMOOT_BROKER" in found["broker"].todo) == (False, True)
    assert (found["hotstate"].ok, found["hotstate"].critical) == (False, False)


async def test_models_without_a_key_are_named_by_the_variable(given):
    agent = Agent(
        name="reader",
        instructions="x",
        model=ModelChoice(provider="openai", name="m", api_key_env="MY_KEY"),
    )
    found = (await looked(given(), agent))["models"]
    assert not found.ok
    assert "MY_KEY" in found.detail + found.todo
    assert not found.critical
