"""Events: a run as it happens, as server-sent events.

Every entry is one event: `id` its number, `event` its kind, `data` the entry as JSON. A piece of
the model's reply is an event `delta` without an id: it is not kept, and whoever missed it reads the
entry. A client that was cut off goes on from where it was (Last-Event-ID, which browsers send by
themselves, or ?after=). The stream ends after the entry that ends the run; a client that asks for
what comes after it gets 204, which tells a browser not to ask again.

Whatever ends a stream (the run, the client, the server's stop, a fault), it lets go of everything.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from folkmoot.core.entries import Entry
from folkmoot.core.errors import FolkmootError
from folkmoot.gateways.http.entries import delta_json, entry_json
from folkmoot.gateways.http.given import LARGEST
from folkmoot.gateways.http.problems import describe
from folkmoot.gateways.http.shared import Shared, SharedHere
from folkmoot.ports.desk import Delta

_log = logging.getLogger("folkmoot.http")
_RETRY = b"retry: 1000\n\n"
_BEAT = b": still here\n\n"

router = APIRouter(tags=["runs"])


class Stream(Response):
    """Sends items until there are no more, the client has gone, or the server closes."""

    media_type = "text/event-stream"

    def __init__(self, items: AsyncIterator[Entry | Delta], shared: Shared) -> None:
        """Take what to send; nothing is read before the response begins."""
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._items = items
        self._shared = shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        ends = {
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(self._shared.closing.wait()),
        }
        chunks = self._chunks(scope, ends)
        try:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await chunks.aclose()
            await _cancel(*ends)

    async def _chunks(
        self, scope: Scope, ends: "set[asyncio.Task[bool]]"
    ) -> AsyncGenerator[bytes, None]:
        """Yield events, and a sign of life whenever there was nothing for a while."""
        item = asyncio.create_task(_take(self._items))
        try:
            while True:
                done, _ = await asyncio.wait(
                    {item, *ends}, timeout=self._shared.beat_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not done.isdisjoint(ends):
                    return
                if not done:
                    yield _BEAT
                    continue
                found = item.result()
                if found is None:
                    return
                yield _event(found)
                item = asyncio.create_task(_take(self._items))
        except FolkmootError as fault:
            _log.warning("http.stream %s", fault.message, extra={"code": fault.code})
            yield (
                b"event: problem\ndata: %b\n\n"
                % describe(scope, fault).model_dump_json(exclude_none=True).encode()
            )
        finally:
            await _cancel(item)
            if isinstance(self._items, AsyncGenerator):
                await self._items.aclose()


async def _take(items: AsyncIterator[Entry | Delta]) -> Entry | Delta | None:
    return await anext(items, None)


async def _gone(receive: Receive) -> bool:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    return True


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _event(item: Entry | Delta) -> bytes:
    if isinstance(item, Delta):
        return b"event: delta\ndata: %b\n\n" % delta_json(item)
    data = entry_json(item)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (item.seq, item.kind.encode(), data)


@router.get(
    "/runs/{run}/events",
    response_class=Response,
    responses={
        200: {
            "description": "A stream of entries (data: EntryBody) and deltas.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The run is over and there is nothing after that entry."},
    },
)
async def follow_run(
    run: str,
    shared: SharedHere,
    after: Annotated[
        int, Query(ge=0, le=LARGEST, description="Only entries with a greater number.")
    ] = 0,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=LARGEST, description="As `after`; it wins, being the newer.")
    ] = None,
) -> Response:
    """Follow a run: its entries so far, then what comes, until its end."""
    seen = after if last_event_id is None else last_event_id
    now = await shared.desk.run(run)
    if now.state.final and seen >= now.head:
        return Response(status_code=204)
    return Stream(shared.desk.follow(run, seen), shared)
