"""Answers: what became of a message, read from its conversation's journal.

Whoever asks, mostly asks about a late message: journals are read from their end.
"""

from collections.abc import AsyncIterator

from folkmoot.core import entries as e
from folkmoot.core import signals
from folkmoot.core.entries import Entry
from folkmoot.core.errors import MessageUnknown, RunUnknown
from folkmoot.core.run import Run
from folkmoot.ports.desk import Answer
from folkmoot.ports.store import Store

_PAGE = 200


async def newest_first(store: Store, run: Run, *, late: bool = False) -> AsyncIterator[Entry]:
    """Yield a journal backwards, from the end that it has now; or only what is later than `run`."""
    fresh: list[Entry] = []
    while part := await store.entries(run.id, fresh[-1].seq if fresh else run.head, _PAGE):
        fresh += part
    for entry in reversed(fresh):
        yield entry
    before = 0 if late else run.head
    while before > 0:
        after = max(0, before - _PAGE)
        for entry in reversed(await store.entries(run.id, after, before - after)):
            yield entry
        before = after


async def find(store: Store, run: str, message: str) -> tuple[Answer | None, int]:
    """Return a message's answer, or None and the number of the last entry that was looked at.

    Raises RunUnknown, or MessageUnknown.
    """
    kept = await store.run(run)
    if kept is None:
        raise RunUnknown(f"There is no run {run!r}.")
    # First what waits, then what was heard: a message goes that way, and is seen on one side at least.
    waits = any(signal.id == message for signal in await store.signals([run]))
    end = kept.head
    # What waits now was not heard before.
    async for entry in newest_first(store, kept, late=waits):
        end = max(end, entry.seq)
        found = of(entry, message)
        if found is not None:
            return found, end
        if _says(entry, message) is not None:
            return _over(kept, message), end
    if waits:
        return _over(kept, message), end
    raise MessageUnknown(f"Run {run} has no message {message!r}.")


async def said(store: Store, run: str, message: str) -> str | None:
    """Return what a message said, or None when nothing of it is known any more."""
    for signal in await store.signals([run]):
        if signal.id == message and signal.kind == "say":
            heard = signals.read(signal.body)
            return heard.text if isinstance(heard, signals.Say) else None
    kept = await store.run(run)
    if kept is not None:
        async for entry in newest_first(store, kept):
            text = _says(entry, message)
            if text is not None:
                return text
    return None


def of(entry: Entry, message: str) -> Answer | None:
    """Return the answer that an entry gives to a message, if it does."""
    if entry.kind != "run.answered":
        return None
    body = entry.read()
    if not isinstance(body, e.MessageAnswered) or body.message != message:
        return None
    return Answer(
        run=entry.run, message=message, output=body.output, data=body.data, error=body.error
    )


def _over(run: Run, message: str) -> Answer | None:
    """Return the answer to a message that a run which has ended will not give."""
    return Answer(run=run.id, message=message, error=run.error) if run.state.final else None


def _says(entry: Entry, message: str) -> str | None:
    if entry.kind != "said":
        return None
    body = entry.read()
    return body.text if isinstance(body, e.MessageAdded) and body.message == message else None
