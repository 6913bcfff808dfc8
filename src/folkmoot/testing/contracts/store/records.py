"""Records: small documents that change only as their writers believe."""

import asyncio

import pytest

from folkmoot.core import changes as c
from folkmoot.core.errors import LeaseLost, Outdated
from folkmoot.core.letters import DEAD
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import CROWD, NOW, birth


def put(key: str, body: bytes = b"{}", version: int | None = None, due: int = 0) -> c.PutRecord:
    """Return a change that keeps a document of the kind `k`."""
    return c.PutRecord(kind="k", key=key, body=body, version=version, due=due)


async def _version(store: Store, change: c.PutRecord) -> int:
    (version,) = await store.write(change)
    assert isinstance(version, int)
    return version


class Records:
    """PutRecord, DropRecord."""

    async def test_a_record_is_kept_as_it_was_given(self, store: Store) -> None:
        """Any bytes, under a version of its own; other kinds are apart."""
        body = bytes(range(256)) * 100
        version = await _version(store, put("a\0é", body, due=7))
        assert await store.record("k", "a\0é") == c.Record("k", "a\0é", version, 7, body)
        assert await store.record("other", "a\0é") is None
        assert await store.record("k", "b") is None

    async def test_dead_letters_are_counted(self, store: Store) -> None:
        """Records of their kind and of no other."""
        letters = [c.PutRecord(kind=DEAD, key=f"a/{n}", body=b"{}") for n in range(3)]
        await store.write(*letters, put("a/0"))
        assert (await store.counts()).dead == len(letters)
        await store.write(c.DropRecord(kind=DEAD, key="a/1"))
        assert (await store.counts()).dead == len(letters) - 1

    async def test_a_record_changes_only_as_believed(self, store: Store) -> None:
        """Who is late is refused with the version that is there; None asks for nothing."""
        first = await _version(store, put("a", b"1", version=0))
        second = await _version(store, put("a", b"2", version=first))
        assert second > first
        for wrong in (0, first, second + 1):
            with pytest.raises(Outdated) as refused:
                await store.write(put("a", b"3", version=wrong))
            assert refused.value.details == {"kind": "k", "key": "a", "version": second}
        assert await _version(store, put("a", b"4")) > second
        with pytest.raises(Outdated):
            await store.write(put("none", version=second))

    async def test_a_dropped_record_is_gone(self, store: Store) -> None:
        """And whoever knew it cannot change the one that was made anew."""
        old = await _version(store, put("a"))
        with pytest.raises(Outdated):
            await store.write(c.DropRecord(kind="k", key="a", version=old + 1))
        assert await store.write(c.DropRecord(kind="k", key="a", version=old)) == (True,)
        assert await store.write(c.DropRecord(kind="k", key="a")) == (False,)
        assert await store.record("k", "a") is None
        new = await _version(store, put("a", version=0))
        assert new > old
        with pytest.raises(Outdated):
            await store.write(put("a", version=old))

    async def test_records_are_listed_by_key_and_by_time(self, store: Store) -> None:
        """Page by page; those without a time are never due."""
        await store.write(put("b", due=NOW + 1), put("a", due=NOW + 2), put("c"), put("d", due=1))
        assert [x.key for x in await store.records("k")] == ["a", "b", "c", "d"]
        assert [x.key for x in await store.records("k", "a", 2)] == ["b", "c"]
        assert [x.key for x in await store.due_records("k", NOW + 1, 10)] == ["d", "b"]
        assert [x.key for x in await store.due_records("k", NOW + 9, 2)] == ["d", "b"]
        assert await store.due_records("other", NOW, 10) == []

    async def test_a_record_and_a_run_come_together_or_not_at_all(self, store: Store) -> None:
        """The set is one: what fires a slot also notes that it was fired."""
        version = await _version(store, put("slot", b"1"))
        with pytest.raises(LeaseLost):
            await store.write(put("slot", b"2", version), birth("r1"), c.Under(name="n", fence=3))
        kept = await store.record("k", "slot")
        assert kept is not None
        assert (kept.version, kept.body) == (version, b"1")
        await store.write(put("slot", b"2", version), birth("r1"))
        with pytest.raises(Outdated):
            await store.write(put("slot", b"2", version), birth("r2"))
        assert await store.run("r1") is not None
        assert await store.run("r2") is None

    async def test_within_a_set_records_count_on(self, store: Store) -> None:
        """A second change finds what the first has left."""
        outcomes = await store.write(
            put("a", b"1", version=0), put("a", b"2"), c.DropRecord(kind="k", key="a"), put("a")
        )
        assert outcomes[2] is True
        kept = await store.record("k", "a")
        assert kept is not None
        assert (kept.version, kept.body) == (outcomes[3], b"{}")
        with pytest.raises(Outdated):
            await store.write(put("b", version=0), put("b", version=0))
        assert await store.record("k", "b") is None

    async def test_of_a_crowd_that_believes_the_same_one_is_right(self, store: Store) -> None:
        """Compare and set, all at once."""
        version = await _version(store, put("a"))
        answers = await asyncio.gather(
            *[store.write(put("a", b"%d" % n, version)) for n in range(CROWD)],
            return_exceptions=True,
        )
        assert sum(isinstance(answer, Outdated) for answer in answers) == CROWD - 1

    async def test_no_count_is_lost(self, store: Store) -> None:
        """Many who read, add one and try again when they were late."""

        async def add() -> None:
            while True:
                kept = await store.record("k", "n")
                body, version = (kept.body, kept.version) if kept else (b"0", 0)
                try:
                    await store.write(put("n", b"%d" % (int(body) + 1), version))
                except Outdated:
                    continue
                return

        await asyncio.gather(*[add() for _ in range(10)])
        kept = await store.record("k", "n")
        assert kept is not None
        assert kept.body == b"10"
