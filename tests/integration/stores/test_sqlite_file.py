"""What only a file can show: a full disk, a newer schema, how long the file grows, who else writes."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys

import msgspec
import pytest

from folkmoot.core import changes as c
from folkmoot.core.agent import Context, Limits, ToolUse
from folkmoot.core.entries import Created, Head, MessageAdded, broken, write
from folkmoot.core.errors import Invalid, LeaseLost, SchemaMismatch, StoreFault, StoreFull
from folkmoot.core.messages import Answered
from folkmoot.core.run import Run, RunState
from folkmoot.core.task import Task
from folkmoot.flow.verify import verify
from folkmoot.ports.model import Answer
from folkmoot.ports.store import Query
from folkmoot.stores.sqlite import faults
from folkmoot.stores.sqlite.store import SqliteStore
from folkmoot.testing.harness import Harness, agent
from folkmoot.testing.probe import Probe
from folkmoot.testing.replies import calls


def birth(run: str) -> c.CreateRun:
    entry = write(Head(), run, 1, Created(task=Task(agent="a", input="x"), definition="d"))
    return c.CreateRun(run=Run(id=run, agent="a", definition="d"), entries=(entry,))


async def fill(store: SqliteStore, head: Head) -> None:
    """Write until it does not fit; each text differs, or it would be kept once."""
    for nr in range(100):
        entry = write(head, "r1", 2, MessageAdded(text=f"{nr}" * 50_000))
        await store.write(c.Append(run="r1", fence=1, entries=(entry,)))
        head = Head(entry.seq, entry.hash)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of three megabytes, a third of it taken by a filler that can be removed."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    (place / "filler").write_bytes(bytes(1_000_000))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_full_disk_takes_a_write_back_whole_and_goes_on_when_there_is_space(small_disk):
    store = SqliteStore(small_disk / "folkmoot.db")
    await store.open()
    await store.write(birth("r1"))
    await store.write(c.Claim(run="r1", worker="w", now=1, read=False))
    head = Head(1, (await store.entries("r1"))[0].hash)
    with pytest.raises(StoreFull) as caught:
        await fill(store, head)
    assert "full" in caught.value.message
    kept = await store.entries("r1")
    assert len(kept) > 2
    assert broken(kept) is None
    head = Head(kept[-1].seq, kept[-1].hash)
    (small_disk / "filler").unlink()
    again = write(head, "r1", 3, MessageAdded(text="y" * 1000))
    await store.write(c.Append(run="r1", fence=1, entries=(again,)))
    assert (await store.entries("r1"))[-1] == again
    await store.close()


async def test_a_full_disk_is_called_full_also_where_the_file_cannot_even_be_opened(small_disk):
    path = small_disk / "folkmoot.db"
    store = SqliteStore(path)
    await store.open()
    await store.write(birth("r1"))
    await store.close()
    with (small_disk / "fill").open("wb", 0) as full, contextlib.suppress(OSError):
        while True:
            full.write(bytes(1024))
    with pytest.raises(StoreFull, match="full"):
        await SqliteStore(path).open()


async def test_a_writer_that_rests_on_a_full_disk_lives_on(small_disk):
    """Tidying up needs space, too: that it fails must not end the thread that writes."""
    store = SqliteStore(small_disk / "folkmoot.db")
    await store.open()
    await store.write(birth("r1"))
    await store.write(c.Claim(run="r1", worker="w", now=1, read=False))
    with pytest.raises(StoreFull):
        await fill(store, Head(1, (await store.entries("r1"))[0].hash))
    await store.writer.call(store._rest)
    (small_disk / "filler").unlink()
    async with asyncio.timeout(5):
        await store.write(birth("r2"))
    await store.close()


async def test_a_file_of_a_newer_version_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "folkmoot.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9999")
    db.close()
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match="9999"):
        await SqliteStore(path).open()
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "folkmoot.db"
    path.write_bytes(b"This is a letter, not a database. " * 100)
    with pytest.raises(StoreFault, match="not a database"):
        await SqliteStore(path).open()
    assert path.read_bytes().startswith(b"This is a letter")


async def test_a_long_conversation_takes_less_than_three_times_its_content(tmp_path):
    turns, text = 400, os.urandom(1500).hex()

    def reply(request):
        said = sum(isinstance(m, Answered) for m in request.messages)
        return Answer(text="done") if said == turns else calls("look")

    store = SqliteStore(tmp_path / "folkmoot.db", synchronous="normal")
    declared = agent(tools=(ToolUse("look"),), limits=Limits(iterations=turns + 1), context=WIDE)
    probe = Probe(act=lambda args: f"{len(probe.calls)}{text}")
    async with Harness(declared, replies=reply, tools=[probe], store=store) as moot:
        run = await moot.ask("Look.")
        assert run.state is RunState.SUCCEEDED
    await store.close()
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert len(probe.calls) == turns
    assert size < 3 * turns * len(text)


WIDE = Context(max_tokens=10_000_000)

OTHER = """
import asyncio, sys
from pathlib import Path
from folkmoot.core.changes import Retire
from folkmoot.ports.store import Query
from folkmoot.stores.sqlite import faults
from folkmoot.stores.sqlite.store import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    await store.write(Retire(worker="w", at=5))
    await store.close()

asyncio.run(main())
"""


async def test_what_we_held_is_forgotten_when_another_process_has_written(tmp_path):
    path = tmp_path / "folkmoot.db"
    store = SqliteStore(path)
    await store.open()
    await store.write(birth("r1"))
    await store.write(c.Claim(run="r1", worker="w", now=1, read=False))
    head = Head(1, (await store.entries("r1"))[0].hash)
    entry = write(head, "r1", 2, MessageAdded(text="mine"))
    await store.write(c.Append(run="r1", fence=1, entries=(entry,)))
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", OTHER, str(path))
    assert await other.wait() == 0
    late = write(Head(entry.seq, entry.hash), "r1", 3, MessageAdded(text="late"))
    with pytest.raises(LeaseLost):
        await store.write(c.Append(run="r1", fence=1, entries=(late,)))
    run = await store.run("r1")
    assert run is not None
    assert (run.state, run.fence) == (RunState.QUEUED, 2)
    await store.close()


@pytest.mark.parametrize(
    "change",
    [
        "body = 'text'",
        "body = CAST(body AS TEXT) || ' '",
        "hash = 'x'",
        "body = NULL",
        "blob = 'x', body = NULL",
    ],
)
async def test_a_row_that_was_rewritten_by_hand_is_named_and_not_tripped_over(tmp_path, change):
    path = tmp_path / "folkmoot.db"
    store = SqliteStore(path)
    await store.open()
    await store.write(birth("r1"))
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE entries SET {change}")
    db.close()
    found = await verify(store)
    assert [(b.run, b.seq) for b in found.broken] == [("r1", 1)]
    await store.close()


@pytest.mark.parametrize("change", ["state = 'zz'", "spend = '['", "labels = 'zz'", "priority = 9"])
async def test_a_run_that_was_rewritten_by_hand_is_named_and_its_neighbours_go_on(tmp_path, change):
    path = tmp_path / "folkmoot.db"
    store = SqliteStore(path)
    await store.open()
    await asyncio.gather(store.write(birth("r1")), store.write(birth("r2")))
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE runs SET {change} WHERE id = 'r1'")
    db.close()
    with pytest.raises(StoreFault, match="r1"):
        await verify(store)
    claims = [store.write(c.Claim(run=run, worker="w", now=1)) for run in ("r1", "r2")]
    _, (claimed,) = await asyncio.gather(*claims, return_exceptions=True)
    assert claimed.run.id == "r2"
    await store.close()


async def test_who_keeps_the_file_locked_is_named_as_the_cause(tmp_path, monkeypatch):
    monkeypatch.setattr(faults, "BUSY_S", 0.01)
    path = tmp_path / "folkmoot.db"
    store = SqliteStore(path)
    await store.open()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFault, match="Another process has kept"):
            await store.write(birth("r1"))
        other.execute("ROLLBACK")
    await store.write(birth("r1"))
    await store.close()


async def test_a_set_that_no_row_can_hold_fails_alone(tmp_path):
    store = SqliteStore(tmp_path / "folkmoot.db")
    await store.open()
    huge = birth("r2")
    huge = msgspec.structs.replace(huge, run=msgspec.structs.replace(huge.run, created_at=2**70))
    wanted = [store.write(birth("r1")), store.write(huge), store.write(birth("r3"))]
    answers = await asyncio.gather(*wanted, return_exceptions=True)
    assert isinstance(answers[1], Invalid)
    assert [run.id for run in await store.runs(Query())] == ["r3", "r1"]
    await store.close()
