"""What can be asked about events, answered from the store (ports/eventdesk.py)."""

import msgspec

from folkmoot.core import envelope as envelopes
from folkmoot.core import letters
from folkmoot.core.changes import DropRecord, Outbox, PutRecord, Record
from folkmoot.core.envelope import Envelope
from folkmoot.core.errors import LetterUnknown, WrongState
from folkmoot.core.events import OUTBOX, Event
from folkmoot.core.letters import DEAD, EVENT, TOPIC, Letter
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock
from folkmoot.ports.store import Store


class FlowEventDesk:
    """Events go out by the store's outbox; dead letters are its records."""

    def __init__(self, store: Store, clock: Clock, broker: Broker | None = None) -> None:
        """Nothing is opened. `broker` carries the hint that something is to be sent."""
        self._store = store
        self._clock = clock
        self._broker = broker

    async def emit(self, envelope: Envelope) -> None:
        """Publish an event."""
        body = envelopes.write(envelopes.check(envelope))
        at = self._clock.now()
        id_ = f"event/{envelope.event_id}"
        await self._store.write(Outbox(id=id_, run="", topic=TOPIC, body=body, at=at))
        if self._broker is not None and self._broker.heard(OUTBOX):
            await self._broker.publish(Event(OUTBOX))

    async def dead(self, after: str = "", limit: int = 100) -> list[Letter]:
        """List dead letters."""
        return [letters.read(found.body) for found in await self._store.records(DEAD, after, limit)]

    async def letter(self, key: str) -> Letter:
        """Return a dead letter."""
        return letters.read((await self._find(key)).body)

    async def retry(self, key: str) -> None:
        """Have a dead letter tried again. One that has come again meanwhile begins anew with it."""
        record = await self._find(key)
        letter = letters.read(record.body)
        if letter.event is None:
            raise WrongState(
                f"{key} cannot be read as an event: {letter.error}",
                kept="The dead letter.",
                todo="Publish it anew, corrected; then drop this one.",
            )
        fresh = msgspec.structs.replace(letter, tries=0, error="", last_at=0)
        now = self._clock.now()
        await self._store.write(
            DropRecord(kind=DEAD, key=key, version=record.version),
            PutRecord(kind=EVENT, key=key, body=letters.write(fresh), due=now),
        )

    async def drop(self, key: str) -> None:
        """Forget a dead letter."""
        record = await self._find(key)
        await self._store.write(DropRecord(kind=DEAD, key=key, version=record.version))

    async def _find(self, key: str) -> Record:
        found = await self._store.record(DEAD, key)
        if found is None:
            raise LetterUnknown(f"There is no dead letter {key!r}.")
        return found
