"""A PostgreSQL of our own that is stopped under load, again and again: nothing is lost, nothing doubled."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from folkmoot.core.entries import broken
from folkmoot.core.errors import StoreFault
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query
from folkmoot.stores.postgres.migrate import upgrade
from folkmoot.stores.postgres.store import PostgresStore
from folkmoot.testing.contracts.store.samples import birth, start

pytestmark = [pytest.mark.server, pytest.mark.slow]

CALLERS = 20
STEPS = 5


def programs() -> Path | None:
    """Return the folder with initdb and postgres; Debian keeps it off the path."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Path(found).resolve().parent if found else next(iter(folders), None)


class Server:
    """One server. `stop` by a signal: QUIT drops all at once, INT takes transactions back first."""

    def __init__(self, bin_: Path, home: Path) -> None:
        self._bin, self._home = bin_, home
        # The server refuses to run as root.
        self._as = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql://folkmoot@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        self._call("initdb", "-D", self._home / "data", "-U", "folkmoot", "-A", "trust", "-N")

    def start(self) -> None:
        options = ["-D", self._home / "data", "-p", self.port, "-k", self._home]
        self._process = subprocess.Popen(
            [self._bin / "postgres", *map(str, options), "-c", "listen_addresses=127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._home,
            **self._as,
        )

    def wait(self) -> None:
        end = time.monotonic() + 20
        ready = [self._bin / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < end, "the server does not start"

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(20)

    def _call(self, program: str, *args: object) -> None:
        subprocess.run(
            [self._bin / program, *map(str, args)],
            check=True,
            capture_output=True,
            cwd=self._home,
            **self._as,
        )


@pytest.fixture
def server() -> Iterator[Server]:
    bin_ = programs()
    if bin_ is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL's programs are missing")
        pytest.skip("PostgreSQL's programs are missing")
    home = Path(tempfile.mkdtemp(prefix="folkmoot-pg-"))
    if os.getuid() == 0:
        shutil.chown(home, *pwd.getpwnam("postgres")[2:4])
    server = Server(bin_, home)
    try:
        server.make()
        server.start()
        server.wait()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(home)


class Load:
    """Callers who each make one run after the other, and note what they were told."""

    def __init__(self, store: PostgresStore, heads: dict[str, int]) -> None:
        self.store = store
        self.heads = heads
        self.steps = 0
        self.stopping = False
        self._moved = asyncio.Event()

    async def call(self, who: int) -> None:
        nr = 0
        while not self.stopping:
            nr += 1
            run = f"r{who:02}-{nr:05}"
            held = await start(self.store, run, f"w{who}", key=run)
            self.heads[run] = 1
            for step in range(STEPS):
                await self.store.write(held.append(f"step {step}"))
                self.heads[run] += 1
                self.steps += 1
                self._moved.set()
            await self.store.write(held.move(RunState.SUCCEEDED))

    async def more(self, steps: int) -> None:
        """Wait until so many further steps were written."""
        target = self.steps + steps
        while self.steps < target:
            self._moved.clear()
            await self._moved.wait()


async def check(store: PostgresStore, heads: dict[str, int]) -> None:
    """Hold what is stored against what the callers were told."""
    listed = {run.id: run for run in await store.runs(Query(limit=1_000_000))}
    assert set(listed) == set(heads)
    assert {run.state for run in listed.values()} == {RunState.SUCCEEDED}
    assert (await store.counts()).states == {"succeeded": len(heads)}
    for run, told in heads.items():
        journal = await store.entries(run)
        assert [entry.seq for entry in journal] == list(range(1, told + 1))
        assert broken(journal) is None


@pytest.mark.timeout(180)
async def test_restarts_under_load_lose_nothing_and_need_no_restart_of_ours(server):
    await upgrade(server.url)
    store = PostgresStore(server.url, patience_s=30)
    await store.open()
    load = Load(store, {})
    callers = [asyncio.create_task(load.call(who)) for who in range(CALLERS)]
    for how in (signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT, signal.SIGINT):
        await load.more(300)
        await asyncio.to_thread(server.stop, how)
        server.start()
        await asyncio.to_thread(server.wait)
    await load.more(300)
    load.stopping = True
    await asyncio.gather(*callers)
    await check(store, load.heads)
    await store.close()


@pytest.mark.timeout(180)
async def test_while_the_database_is_away_everything_says_so_and_then_goes_on(server):
    await upgrade(server.url)
    store = PostgresStore(server.url, patience_s=0.2)
    await store.open()
    await store.write(birth("r1"))
    await asyncio.to_thread(server.stop, signal.SIGQUIT)
    for _ in range(2):
        with pytest.raises(StoreFault, match="does not answer"):
            await store.write(birth("r2"))
        with pytest.raises(StoreFault, match="does not answer"):
            await store.run("r1")
    with pytest.raises(StoreFault, match="does not answer"):
        await PostgresStore(server.url).open()
    server.start()
    await asyncio.to_thread(server.wait)
    await store.write(birth("r3"))
    assert [run.id for run in await store.runs(Query())] == ["r3", "r1"]
    await store.close()
