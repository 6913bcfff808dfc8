"""What PostgresStore promises beyond the contract."""

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

import asyncpg
import pytest

from folkmoot.core import changes as c
from folkmoot.core.errors import BudgetSpent, Invalid, SchemaMismatch, SettingsInvalid, StoreFault
from folkmoot.ports.store import Query
from folkmoot.stores.postgres import migrate
from folkmoot.stores.postgres.store import PostgresStore
from folkmoot.testing.contracts.store.samples import NOW, birth, known, signal, start, take

pytestmark = pytest.mark.server


class Deaf:
    """A proxy that can lose the next answer, or the next question, and the connection with it.

    What it is told to `hold` it does not pass on, nor what follows, until it is told to `go_on`: so
    looks a process that was stopped.
    """

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._server: asyncio.Server | None = None
        self.lose = ""
        self.lost = 0
        self.hold = b""
        self.held, self.go_on = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://{self._to.username}@127.0.0.1:{port}{self._to.path}"

    async def _serve(self, reader, writer) -> None:
        to_server = await asyncio.open_connection(self._to.hostname, self._to.port or 5432)
        both = [
            self._pass(reader, to_server[1], "question"),
            self._pass(to_server[0], writer, "answer"),
        ]
        tasks = [asyncio.ensure_future(one) for one in both]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for end in (writer, to_server[1]):
            end.close()

    async def _pass(self, source, target, what: str) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if self.lose == what:
                    self.lose = ""
                    self.lost += 1
                    return
                if self.hold and self.hold in data and what == "question":
                    self.hold = b""
                    self.held.set()
                    await self.go_on.wait()
                target.write(data)


async def test_an_answer_that_is_lost_is_found_again(database):
    async with Deaf(database) as proxy:
        store = PostgresStore(proxy.url)
        await store.open()
        held = await start(store, "r1")
        proxy.lose = "answer"
        assert await store.write(held.append("a"), held.hold("s", 5, 9)) == (0, None)
        assert proxy.lost == 1
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]
        assert await store.spent("s") == (0, 5)
        await store.write(held.append("b"))
        await store.close()


async def test_a_question_that_is_lost_is_asked_again(database):
    async with Deaf(database) as proxy:
        store = PostgresStore(proxy.url)
        await store.open()
        held = await start(store, "r1")
        proxy.lose = "question"
        assert await store.write(held.append("a"), held.hold("s", 5, 9)) == (0, None)
        assert proxy.lost == 1
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]
        assert await store.spent("s") == (0, 5)
        await store.close()


async def test_a_lost_rescue_still_says_whom_it_rescued(database):
    async with Deaf(database) as proxy:
        store = PostgresStore(proxy.url)
        await store.open()
        await start(store, "r1")
        for lost in ("question", "answer"):
            proxy.lose = lost
            assert await store.write(c.Rescue(now=NOW)) == (("r1",),)
            await take(store, "r1")
        assert (await known(store, "r1")).fence == 5
        await store.close()


async def test_nobody_writes_under_a_name_that_was_closed(make, database):
    store = await make()
    await store.write(birth("r1"))
    db = await asyncpg.connect(database, server_settings={"search_path": "folkmoot"})
    await db.execute("UPDATE writers SET closed = true")
    await store.write(birth("r2"))
    assert await db.fetchval("SELECT count(*) FROM writers WHERE NOT closed") == 1
    await db.close()
    assert [run.id for run in await store.runs(Query())] == ["r2", "r1"]


async def test_a_killed_connection_costs_nobody_anything(make, database):
    store = await make()
    db = await asyncpg.connect(database)
    ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    for n in range(10):
        writes = [asyncio.ensure_future(store.write(birth(f"r{n}{m}"))) for m in range(10)]
        await db.execute(ours + " AND datname = current_database()")
        await asyncio.gather(*writes)
        assert len(await store.runs(Query(limit=1000))) == 10 * (n + 1)
    await db.close()


async def test_whoever_stands_still_in_the_middle_of_a_write_keeps_nobody_waiting(make, database):
    """A leader that is stopped with the lease's row locked: another leads, and it finds that out."""
    other = await make()
    async with Deaf(database) as proxy:
        stopped = PostgresStore(proxy.url)
        await stopped.open()
        proxy.hold = b"COMMIT"
        late = asyncio.ensure_future(stopped.write(c.Acquire("leader", "stopped", 60_000)))
        await proxy.held.wait()
        async with asyncio.timeout(20):
            assert await other.write(c.Acquire("leader", "other", 60_000)) == (1,)
        proxy.go_on.set()
        assert await late == (None,)
        await stopped.write(birth("r1"))
        await stopped.close()


async def test_a_value_that_cannot_be_kept_fails_alone(make):
    store = await make()
    writes = [birth("r1"), birth("r2", output="\ud800"), birth("r3", ready_at=2**70), birth("r4")]
    told = await asyncio.gather(*[store.write(x) for x in writes], return_exceptions=True)
    assert [isinstance(x, Invalid) for x in told] == [False, True, True, False]
    assert [run.id for run in await store.runs(Query())] == ["r4", "r1"]


@pytest.mark.parametrize("text", ["\0", "\x1a", "\x1a0", "\x1a\x1a1\0\0", "a\0\x1a0\x1a"])
async def test_every_text_comes_back_as_it_was(make, text):
    store = await make()
    new = birth(f"r{text}", agent=text, source=text, worker=text, output=text, error=text, key=text)
    await store.write(new, signal(f"r{text}", text))
    assert await store.run(f"r{text}") == new.run
    assert (await store.signals([f"r{text}"]))[0].id == text
    assert await store.write(birth("r9", source=text, key=text)) == (c.Born(f"r{text}", new=False),)


async def test_what_others_spent_is_seen_by_whoever_believes_otherwise(make):
    one, two = await make(), await make()
    here, there = await start(one, "r1"), await start(two, "r2")
    await one.write(here.hold("s", 5, 10))
    await two.write(there.hold("s", 5, 10))
    with pytest.raises(BudgetSpent):
        await one.write(here.hold("s", 1, 10))
    await two.write(there.settle("s", 5, 0))
    assert await one.write(here.hold("s", 5, 10)) == (None,)
    assert await one.spent("s") == await two.spent("s") == (0, 10)


async def test_many_processes_on_the_same_runs_and_budgets_never_stand_still(make):
    stores = [await make() for _ in range(3)]
    await stores[0].write(*[birth(f"r{n}") for n in range(5)])
    words = [
        stores[n % 3].write(
            *[signal(f"r{m}", f"s{n}") for m in (range(5) if n % 2 else range(4, -1, -1))]
        )
        for n in range(60)
    ]
    letters = [
        stores[n % 3].write(c.Announced(runs=tuple(f"r{m}" for m in range(4, -1, -1)), at=NOW))
        for n in range(30)
    ]
    await asyncio.gather(*words, *letters)
    assert [len(await stores[n % 3].signals([f"r{n}"])) for n in range(5)] == [60] * 5


async def test_an_empty_database_is_refused_and_upgraded_only_when_asked(empty_database):
    with pytest.raises(SchemaMismatch, match="folkmoot db upgrade"):
        await PostgresStore(empty_database).open()
    newest = migrate.steps()[-1][0]
    both = await asyncio.gather(migrate.upgrade(empty_database), migrate.upgrade(empty_database))
    assert sorted(both) == [[], list(range(1, newest + 1))]
    store = PostgresStore(empty_database)
    await store.open()
    await store.close()


@pytest.mark.parametrize("change", [+1, -1])
async def test_another_schema_is_refused(empty_database, change):
    await migrate.upgrade(empty_database)
    db = await asyncpg.connect(empty_database)
    newest = await db.fetchval("SELECT max(number) FROM folkmoot.schema_steps")
    await db.execute("DELETE FROM folkmoot.schema_steps WHERE number = $1", newest)
    if change > 0:
        await db.execute("INSERT INTO folkmoot.schema_steps VALUES ($1)", newest + change)
    await db.close()
    with pytest.raises(SchemaMismatch, match="newer version" if change > 0 else "db upgrade"):
        await PostgresStore(empty_database).open()


async def test_a_password_is_never_shown():
    for url, fault in (
        ("postgresql://me:hidden@127.0.0.1:1/test", StoreFault),
        ("postgresql://me:hidden@127.0.0.1:port/test", SettingsInvalid),
    ):
        with pytest.raises(fault) as caught:
            await PostgresStore(url).open()
        assert "hidden" not in str(caught.value)
