"""What RabbitMQ is told of the messages that a channel handed over."""

import pytest

tally = pytest.importorskip("folkmoot.brokers.rabbitmq.tally", exc_type=ImportError)


class Channel:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple] = []

    async def basic_ack(self, number, multiple=False, wait=True):
        self.told.append(("all up to" if multiple else "only", number))

    async def basic_nack(self, number, requeue=True, wait=True):
        self.told.append(("back" if requeue else "dead", number))

    async def basic_reject(self, number, requeue=True, wait=True):
        self.told.append(("back" if requeue else "dead", number))


@pytest.fixture
def channel():
    return Channel()


@pytest.fixture
def held(channel):
    return tally.Tally(channel)


async def done(held, *numbers):
    for number in numbers:
        held.done(number)
    await held.say()


async def test_what_is_done_from_the_first_on_is_one_word(channel, held):
    for number in range(1, 6):
        held.add(number)
    await done(held, 3, 1, 2)
    assert channel.told == [("all up to", 3)]


async def test_what_is_still_ours_is_not_told_as_done(channel, held):
    for number in range(1, 6):
        held.add(number)
    await done(held, 2, 4)
    assert channel.told == [("only", 2), ("only", 4)]
    await done(held, 1)
    assert channel.told[2:] == [("all up to", 1)]
    await done(held, 5, 3)
    assert channel.told[3:] == [("all up to", 5)]


async def test_what_went_back_or_was_rejected_stands_in_nobodys_way(channel, held):
    for number in range(1, 5):
        held.add(number)
    await held.back(1)
    await held.reject(3)
    await done(held, 2, 4)
    assert channel.told == [("back", 1), ("dead", 3), ("all up to", 4)]


async def test_nothing_done_is_nothing_told(channel, held):
    held.add(1)
    await held.say()
    assert channel.told == []
