"""Poison: an event that cannot be dealt with is tried, later and later, then kept for a person."""

import pytest

from folkmoot.core import letters
from folkmoot.core.changes import PutRecord
from folkmoot.core.errors import LetterUnknown, QueueFull, WrongState
from folkmoot.core.letters import DEAD, EVENT

WAITS = (1, 2, 4, 8)


class Killed(BaseException):
    """Not an Exception: nothing of ours catches it."""


@pytest.fixture
def poisoned(moot, wants):
    """An agent whose trigger names a field that the event has not."""
    return moot(wants("a", "#", input="{{ payload.none }}"))


async def tries(system):
    (record,) = await system.kept()
    return letters.read(record.body).tries


async def test_a_poison_event_is_dead_after_five_tries_with_backoff(poisoned, envelope):
    async with poisoned as system:
        await system.emit(envelope())
        for n, wait in enumerate(WAITS, 1):
            assert await tries(system) == n
            await system.again(wait - 0.001)
            assert await tries(system) == n
            await system.again(0.001)
        assert await system.kept() == []
        (dead,) = await system.desk.events.dead()
        assert (dead.key, dead.tries, dead.event) == ("a/e-1", 5, envelope())
        assert dead.error == "INVALID: The event has no payload.none."
        assert dead.last_at - dead.first_at == sum(WAITS) * 1000
        assert system.counted == {"received": 1, "failed": 4, "dead": 1}
        assert await system.runs() == []


async def test_tries_that_nobody_saw_end_are_counted(moot, wants, envelope):
    """As when the event kills the process each time: the next finds the try, and counts on."""
    async with moot(wants("a", "#")) as system:

        async def die(_task, _beside):
            raise Killed

        system.events.submit = die
        await system.inbox.stop()
        await system.store.write(_letter(envelope(), system.clock.now()))
        for n in range(1, 6):
            with pytest.raises(Killed):
                await system.reactions.once()
            assert await tries(system) == n
            assert await system.reactions.once() == 0
            system.clock.advance(10)
        await system.reactions.once()
        (dead,) = await system.desk.events.dead()
        assert (dead.tries, dead.error) == (
            5,
            "A process began this try and was not seen to end it.",
        )


def _letter(event, now):
    letter = letters.Letter(subscription="a", id=event.event_id, event=event, first_at=now)
    return PutRecord(kind=EVENT, key=letter.key, body=letters.write(letter), due=now, version=0)


async def test_a_dead_letter_is_tried_again_from_the_beginning(poisoned, envelope, wants):
    async with poisoned as system:
        await system.emit(envelope())
        for wait in WAITS:
            await system.again(wait)
        system._catalog._agents["a"] = wants("a", "#")
        await system.desk.events.retry("a/e-1")
        assert await system.desk.events.dead() == []
        assert await system.again(0) == 1
        assert len(await system.settle(1)) == 1


async def test_a_dead_event_that_comes_again_stays_dead(poisoned, envelope):
    async with poisoned as system:
        await system.emit(envelope())
        for wait in WAITS:
            await system.again(wait)
        await system.exchange.emit(envelope())
        assert await system.kept() == []
        assert system.counted["repeated"] == 1


async def test_a_dead_letter_can_be_dropped(poisoned, envelope):
    async with poisoned as system:
        await system.emit(envelope())
        for wait in WAITS:
            await system.again(wait)
        await system.desk.events.drop("a/e-1")
        for act in (system.desk.events.drop, system.desk.events.retry, system.desk.events.letter):
            with pytest.raises(LetterUnknown):
                await act("a/e-1")


async def test_what_cannot_be_read_is_dead_at_once_and_cannot_be_retried(moot, wants, envelope):
    async with moot(wants("a", "#")) as system:
        await _arrive(system, b'{"event_id": 7, "half')
        (dead,) = await system.desk.events.dead()
        assert dead.id.startswith("unreadable-")
        assert (dead.event, dead.raw) == (None, '{"event_id": 7, "half')
        with pytest.raises(WrongState):
            await system.desk.events.retry(dead.key)
        await _arrive(system, b'{"event_id": 7, "half')
        assert len(await system.desk.events.dead()) == 1


async def _arrive(system, body):
    class Raw:
        subscription, topic = "a", "orders.created"

        def __init__(self):
            self.body = body
            self.rejected = False

        async def reject(self):
            self.rejected = True

    raw = Raw()
    assert await system.inbox._take(raw) is False
    assert raw.rejected


async def test_a_full_queue_is_nobodys_failure(moot, wants, envelope):
    async with moot(wants("a", "#")) as system:
        submit, full = system.events.submit, True

        async def refuse(task, beside):
            if full:
                raise QueueFull(retry_after=3)
            return await submit(task, beside)

        system.events.submit = refuse
        await system.emit(envelope())
        for _ in range(10):
            assert await system.again(3) == 0
            assert await tries(system) == 0
        full = False
        assert await system.again(3) == 1


async def test_an_event_waits_for_a_process_that_knows_its_agent(moot, wants, envelope):
    async with moot(wants("a", "#", input="{{ payload.none }}")) as system:
        await system.emit(envelope())
        known = system._catalog._agents.pop("a")
        for _ in range(20):
            await system.again(10)
        assert await tries(system) == 1
        system._catalog._agents["a"] = known
        await system.again(10)
        assert await tries(system) == 2
        del system._catalog._agents["a"]
        await system.again(3600)
        assert await system.kept() == []
        (record,) = await system.store.records(DEAD)
        assert letters.read(record.body).error.startswith("AGENT_NOT_FOUND")
