"""Journals: written once, in order, byte for byte."""

from collections.abc import Callable

import pytest

from folkmoot.core import changes as c
from folkmoot.core.entries import Entry, Head, broken, link
from folkmoot.core.errors import JournalBroken
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import NOW, Held, known, signal, start, take

_BIG = 200_000


def _raw(head: Head, run: str, body: bytes) -> Entry:
    """Return an entry whose body is any bytes at all."""
    seq = head.seq + 1
    return Entry(run, seq, NOW, "kind", body, link(head.hash, run, seq, NOW, body))


def _skip(held: Held) -> tuple[Entry, ...]:
    return held.entries("a", "b")[1:]


def _again(held: Held) -> tuple[Entry, ...]:
    return held.claimed.entries


def _twice(held: Held) -> tuple[Entry, ...]:
    return held.entries("a") * 2


def _swapped(held: Held) -> tuple[Entry, ...]:
    return held.entries("a", "b")[::-1]


def _foreign(held: Held) -> tuple[Entry, ...]:
    return (_raw(held.head, "r2", b"{}"),)


class Journals:
    """Append and entries()."""

    async def test_entries_follow_one_another(self, store: Store) -> None:
        """What was appended reads back, in order, and its chain holds."""
        held = await start(store, "r1")
        first, second = held.append("a"), held.append("b", "c")
        await store.write(first)
        await store.write(second)
        journal = await store.entries("r1")
        assert journal == [*held.claimed.entries, *first.entries, *second.entries]
        assert broken(journal) is None

    async def test_appends_of_one_set_follow_one_another(self, store: Store) -> None:
        """The second counts on from the first."""
        held = await start(store, "r1")
        await store.write(held.append("a"), held.append("b"))
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2, 3]

    @pytest.mark.parametrize("wrong", [_skip, _again, _twice, _swapped, _foreign])
    async def test_an_entry_that_does_not_follow_is_refused(
        self, store: Store, wrong: Callable[[Held], tuple[Entry, ...]]
    ) -> None:
        """A gap, a repetition, a wrong order or another run's entry breaks the whole set."""
        held, other = await start(store, "r1"), await start(store, "r2")
        entries = wrong(held)
        with pytest.raises(JournalBroken):
            await store.write(
                other.append("fine"), c.Append(run="r1", fence=held.fence, entries=entries)
            )
        assert await store.entries("r1") == list(held.claimed.entries)
        assert await store.entries("r2") == list(other.claimed.entries)

    async def test_the_second_append_of_a_set_may_fail_both(self, store: Store) -> None:
        """A set whose second half does not follow leaves the first half unwritten, too."""
        held = await start(store, "r1")
        good = held.append("a")
        with pytest.raises(JournalBroken):
            await store.write(good, good)
        await store.write(good)
        assert [entry.seq for entry in await store.entries("r1")] == [1, 2]

    async def test_an_append_tells_how_many_signals_there_were(self, store: Store) -> None:
        """So a worker learns with each step whether somebody spoke, consumed or not."""
        held = await start(store, "r1")
        assert await store.write(held.append()) == (0,)
        await store.write(signal("r1", "s1"), signal("r1", "s2"), signal("r1", "s1"))
        assert await store.write(held.append("a"), held.consume("s1")) == (2, None)
        assert await store.write(held.append()) == (2,)

    async def test_a_journal_is_read_in_pages(self, store: Store) -> None:
        """`after` is exclusive, `limit` binds, and beyond the end there is nothing."""
        held = await start(store, "r1")
        await store.write(held.append(*"abcdefg"))
        seqs = [[e.seq for e in await store.entries("r1", after, 3)] for after in (0, 3, 6, 8, 99)]
        assert seqs == [[1, 2, 3], [4, 5, 6], [7, 8], [], []]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            bytes(range(256)),
            b"\0" * 5,
            "\U0001f98a œuvre ключ 漢字 \u2028".encode(),
            b"x" * _BIG,
            bytes(n % 251 for n in range(_BIG)),
        ],
        ids=["empty", "all-bytes", "nul", "unicode", "big", "big-bytes"],
    )
    async def test_a_body_comes_back_byte_for_byte(self, store: Store, body: bytes) -> None:
        """Small or big, text or not; from entries() and from a claim."""
        held = await start(store, "r1")
        entry = _raw(held.head, "r1", body)
        await store.write(c.Append(run="r1", fence=held.fence, entries=(entry,)))
        assert (await store.entries("r1"))[-1] == entry
        await store.write(c.Retire(worker="w1", at=NOW))
        assert (await take(store, "r1", "w2")).claimed.entries[-1] == entry

    async def test_equal_bodies_are_entries_of_their_own(self, store: Store) -> None:
        """Whatever the store shares inside must not show."""
        one, two = await start(store, "r1"), await start(store, "r2")
        text = "same" * 50_000
        await store.write(one.append(text, text), two.append(text))
        journals = [await store.entries("r1"), await store.entries("r2")]
        assert [[entry.seq for entry in journal] for journal in journals] == [[1, 2, 3], [1, 2]]
        assert [broken(journal) for journal in journals] == [None, None]

    async def test_texts_of_any_kind_survive_a_move(self, store: Store) -> None:
        """Replies and errors may hold every character, NUL included."""
        text = "reply\0 \U0001f98a\u2028\r\n'\"\\ %s ? $1 {x}"
        held = await start(store, "r1")
        state = held.claimed.run.state
        await store.write(held.move(state, output=text, error=text, waits_for=text))
        run = await known(store, "r1")
        assert (run.output, run.error, run.waits_for) == (text, text, text)
