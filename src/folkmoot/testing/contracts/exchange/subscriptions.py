"""Subscriptions: who wants what, by words."""

import asyncio

from folkmoot.core import envelope as envelopes
from folkmoot.ports.exchange import Exchange
from folkmoot.testing.contracts.exchange.hands import carry, event, receive

_TAIL = ("a.b", "a.b.c", "a", "a.d", "a.x.y.d", "a.bb", "a.bc")
_FITTING = {
    ("exact", "a.b"),
    ("one", "a.b.c"),
    *(("tail", kind) for kind in _TAIL),
    *(("head", kind) for kind in ("a.b.c", "c", "ab.b.c")),
    *(("middle", kind) for kind in ("a.d", "a.x.y.d")),
}


class Subscriptions:
    """subscribe, leave."""

    async def test_patterns_fit_by_words(self, exchange: Exchange) -> None:
        """`*` is one word, `#` any number; a part of a word is not a word."""
        wanted = {
            "exact": ["a.b"],
            "one": ["a.*.c"],
            "tail": ["a.#"],
            "head": ["#.c"],
            "middle": ["a.#.d"],
        }
        for name, patterns in wanted.items():
            await exchange.subscribe(name, patterns)
        kinds = ("a.b", "a.b.c", "a", "a.d", "a.x.y.d", "c", "aa.b", "a.bb", "ab.b.c", "a.bc")
        sent = {kind: event(kind, event_id=kind) for kind in kinds}
        emitting = asyncio.gather(*(exchange.emit(each) for each in sent.values()))
        seen: set[tuple[str, str]] = set()
        while len(seen) < len(_FITTING):
            for arrival in await receive(exchange):
                (pattern,) = wanted[arrival.subscription]
                found = envelopes.read(arrival.body)
                if envelopes.fits(pattern, found):  # more may come than was asked for
                    seen.add((arrival.subscription, found.event_id))
                await arrival.ack()
        await emitting
        assert seen == _FITTING

    async def test_every_subscription_gets_the_event(self, exchange: Exchange) -> None:
        """One that wants the same does not push another out."""
        await exchange.subscribe("one", ["a.*"])
        await exchange.subscribe("two", ["a.*"])
        await exchange.subscribe("three", ["#"])
        sent = event("a.b")
        found = await carry(exchange, sent, to=3)
        assert [name for name, _ in found] == ["one", "three", "two"]

    async def test_subscribing_again_adds_and_keeps(self, exchange: Exchange) -> None:
        """A second pattern does not take the place of the first."""
        await exchange.subscribe("one", ["a"])
        await exchange.subscribe("one", ["a", "b"])
        first, second = event("a"), event("b")
        found = await carry(exchange, first, second, to=2)
        assert found == sorted([("one", first.event_id), ("one", second.event_id)])

    async def test_what_was_left_does_not_come(self, exchange: Exchange) -> None:
        """Others still get theirs."""
        await exchange.subscribe("one", ["a"])
        await exchange.subscribe("two", ["a"])
        await exchange.leave("one")
        await exchange.leave("one")
        sent = event("a")
        assert await carry(exchange, sent) == [("two", sent.event_id)]
