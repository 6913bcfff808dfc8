"""Blobs that are kept and letters that must leave."""

from hashlib import sha256

import pytest

from folkmoot.core import changes as c
from folkmoot.core.errors import Invalid
from folkmoot.ports.store import Store
from folkmoot.testing.contracts.store.samples import NOW, birth


def _letter(name: str, at: int = NOW, body: bytes = b"{}") -> c.Outbox:
    return c.Outbox(id=name, run="r1", topic="reply", body=body, at=at)


def _failed(name: str, at: int, next_at: int | None) -> c.Sent:
    return c.Sent(id=name, at=at, error="refused", next_at=next_at)


async def _listed(store: Store, now: int = NOW, limit: int = 10) -> list[str]:
    return [letter.id for letter in await store.outbox(now, limit)]


class Post:
    """PutBlob and blob(); Outbox, Sent and outbox()."""

    @pytest.mark.parametrize("data", [b"", bytes(range(256)), b"z" * 200_000])
    async def test_bytes_are_kept_by_their_digest(self, store: Store, data: bytes) -> None:
        """Byte for byte; a second time is no error."""
        digest = sha256(data).hexdigest()
        blob = c.PutBlob(digest=digest, data=data)
        await store.write(blob, blob)
        await store.write(blob)
        assert await store.blob(digest) == data

    async def test_bytes_with_another_digest_are_refused(self, store: Store) -> None:
        """Whoever reads by digest can rely on it."""
        digest = sha256(b"right").hexdigest()
        with pytest.raises(Invalid):
            await store.write(birth("r1"), c.PutBlob(digest=digest, data=b"wrong"))
        assert await store.blob(digest) is None
        assert await store.run("r1") is None

    async def test_a_letter_is_listed_until_it_was_sent(self, store: Store) -> None:
        """As it was written."""
        letter = _letter("o1", body=bytes(range(256)))
        await store.write(letter)
        assert await store.outbox(NOW, 10) == [letter]
        await store.write(c.Sent(id="o1", at=NOW))
        assert await _listed(store) == []

    async def test_a_letter_with_a_known_id_is_not_another(self, store: Store) -> None:
        """The first stands; a repetition does not bring back what was sent."""
        first = _letter("o1", body=b"1")
        await store.write(first, _letter("o1", body=b"2"))
        await store.write(_letter("o1", body=b"3"))
        assert await store.outbox(NOW, 10) == [first]
        await store.write(c.Sent(id="o1", at=NOW))
        await store.write(_letter("o1", body=b"4"))
        assert await _listed(store) == []

    async def test_letters_leave_in_the_order_of_their_times(self, store: Store) -> None:
        """Oldest first, at most `limit`, none before its time."""
        await store.write(_letter("z", NOW), _letter("a", NOW + 2), _letter("m", NOW + 1))
        assert await _listed(store, NOW) == ["z"]
        assert await _listed(store, NOW + 5) == ["z", "m", "a"]
        assert await _listed(store, NOW + 5, 2) == ["z", "m"]

    async def test_a_letter_that_failed_is_tried_again_at_its_time(self, store: Store) -> None:
        """As often as it takes, and others do not wait for it."""
        await store.write(_letter("o1"), _letter("o2"))
        for at in (NOW + 10, NOW + 20):
            await store.write(_failed("o1", at - 10, at))
            assert await _listed(store, at - 1) == ["o2"]
            assert await _listed(store, at) == ["o1", "o2"]
        await store.write(c.Sent(id="o1", at=NOW + 20))
        assert await _listed(store, NOW + 99) == ["o2"]

    async def test_a_failure_without_a_time_is_tried_again_at_once(self, store: Store) -> None:
        """A letter is never given up by forgetting to say when."""
        await store.write(_letter("o1"))
        await store.write(_failed("o1", NOW + 3, None))
        assert await _listed(store, NOW + 3) == ["o1"]

    async def test_what_arrived_stays_arrived(self, store: Store) -> None:
        """A late report of an earlier failure does not send it a second time."""
        await store.write(_letter("o1"))
        await store.write(c.Sent(id="o1", at=NOW))
        await store.write(_failed("o1", NOW + 1, NOW + 2), c.Sent(id="nobody", at=NOW))
        assert await _listed(store, NOW + 99) == []

    async def test_unsent_letters_are_counted(self, store: Store) -> None:
        """Due or not."""
        await store.write(_letter("o1"), _letter("o2"), _letter("o3"))
        await store.write(c.Sent(id="o1", at=NOW), _failed("o2", NOW, NOW + 99))
        assert (await store.counts()).outbox == len(("o2", "o3"))
