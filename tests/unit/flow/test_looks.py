"""Announced runs are read many at once: all that come during one look in the next."""

import asyncio

from folkmoot.core.errors import StoreFault
from folkmoot.flow.looks import Looks


class Parts:
    """A store that answers when it is let, and a clock."""

    def __init__(self):
        self.store = self.clock = self
        self.asked, self.answers = [], asyncio.Queue()

    def now(self):
        return 7

    async def peek(self, runs, now):
        self.asked.append(list(runs))
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Delivery:
    def __init__(self, run):
        self.run = run


class Seen:
    """Notes what it is told."""

    def __init__(self, parts):
        self.seen, self.failed = [], []
        self.looks = Looks(parts, self.take, lambda some, fault: self.failed.append((some, fault)))

    async def take(self, delivery, claimed, now):
        self.seen.append((delivery.run, claimed, now))


def some(*runs):
    return [Delivery(run) for run in runs]


async def test_what_comes_during_a_look_is_read_in_the_next():
    parts = Parts()
    here = Seen(parts)
    work = asyncio.ensure_future(here.looks.add(some("a")))
    await asyncio.sleep(0)
    assert here.looks.add(some("b", "c")) is None
    assert here.looks.add(some("d")) is None
    assert here.looks.count == 4
    for _ in range(2):
        parts.answers.put_nowait([])
    await work
    assert parts.asked == [["a"], ["b", "c", "d"]]
    assert here.seen == [(run, None, 7) for run in "abcd"]
    assert here.looks.count == 0


async def test_after_a_look_the_next_announcement_begins_another():
    parts = Parts()
    here = Seen(parts)
    for run in "ab":
        parts.answers.put_nowait([])
        await here.looks.add(some(run))
    assert parts.asked == [["a"], ["b"]]


async def test_what_cannot_be_read_is_told_and_the_rest_is_read():
    parts, fault = Parts(), StoreFault("gone")
    here = Seen(parts)
    work = asyncio.ensure_future(here.looks.add(first := some("a", "b")))
    await asyncio.sleep(0)
    here.looks.add(some("c"))
    for answer in (fault, []):
        parts.answers.put_nowait(answer)
    await work
    assert here.failed == [(first, fault)]
    assert [run for run, *_ in here.seen] == ["c"]
    assert here.looks.count == 0


async def test_a_look_that_is_cut_off_leaves_no_count_behind():
    parts = Parts()
    here = Seen(parts)
    work = asyncio.ensure_future(here.looks.add(some("a")))
    await asyncio.sleep(0)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert here.looks.count == 0
    parts.answers.put_nowait([])
    await here.looks.add(some("b"))
    assert [run for run, *_ in here.seen] == ["b"]
