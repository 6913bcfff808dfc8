"""What a channel has handed over and what of it is dealt with: many acknowledgements are one word.

RabbitMQ numbers what a channel hands over, and "this one and all before it" costs no more than one.
A channel must be read in its order, by one reader, which adds each number at once: a number that
comes late would be acknowledged unread.
"""

from itertools import takewhile

from aiormq.abc import AbstractChannel


class Tally:
    """The open numbers of a channel."""

    def __init__(self, channel: AbstractChannel) -> None:
        """Nothing was handed over yet."""
        self.channel = channel
        self._open: dict[int, None] = {}
        self._done: set[int] = set()

    def add(self, number: int) -> "Held":
        """Something was handed over."""
        self._open[number] = None
        return Held(self, number)

    def done(self, number: int) -> None:
        """It is dealt with; `say` tells."""
        self._done.add(number)

    async def say(self) -> None:
        """Tell RabbitMQ what is done: all up to the first that is open, and others one by one."""
        done, self._done = self._done, set()
        first = list(takewhile(done.__contains__, self._open))
        if first:
            await self.channel.basic_ack(first[-1], multiple=True, wait=False)
        for number in sorted(done.difference(first)):
            await self.channel.basic_ack(number, wait=False)
        for number in done:
            self._open.pop(number, None)

    async def back(self, number: int) -> None:
        """Give it to somebody else."""
        del self._open[number]
        await self.channel.basic_nack(number, requeue=True, wait=False)

    async def reject(self, number: int) -> None:
        """Send it to the dead letters."""
        del self._open[number]
        await self.channel.basic_reject(number, requeue=False, wait=False)


class Held:
    """One message that is ours until its tally hears otherwise."""

    __slots__ = ("number", "tally")

    def __init__(self, tally: Tally, number: int) -> None:
        """See Tally.add."""
        self.tally = tally
        self.number = number
