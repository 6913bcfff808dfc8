"""`folkmoot emit`: publish an event."""

import time
import uuid
from typing import Annotated, Any

import msgspec
import typer

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output
from folkmoot.core import moment
from folkmoot.core.envelope import Envelope
from folkmoot.core.errors import Invalid


class Given(Options, frozen=True, kw_only=True):
    """The event."""

    kind: Annotated[
        str, typer.Argument(metavar="TYPE", help="What happened: words joined by dots.")
    ]
    payload: Annotated[
        str, typer.Option("--payload", metavar="JSON", help="More of it; `-` reads it from stdin.")
    ] = "{}"
    id: Annotated[
        str, typer.Option("--id", metavar="ID", help="The same id again is the same event.")
    ] = ""
    priority: Annotated[
        str, typer.Option("--priority", metavar="WORD", help="critical, high, normal or low.")
    ] = "normal"
    ttl: Annotated[
        float | None,
        typer.Option("--ttl", metavar="SECONDS", help="Dropped when it comes later than this."),
    ] = None


def emit(given: Given) -> Exit:
    """Publish an event; print its id."""
    return session.go(_emit(given))


async def _emit(given: Given) -> Exit:
    out = Output(json=given.json)
    event = Envelope(
        event_id=given.id or str(uuid.uuid4()),
        event_type=given.kind,
        timestamp=moment.write(time.time_ns() // 1_000_000),
        source_service="cli",
        payload=_payload(given.payload),
        priority=given.priority,  # type: ignore[arg-type] # judged with all the rest
        ttl_seconds=given.ttl,
    )
    async with session.desk(given) as desk:
        await desk.events.emit(event)
        workers = (await desk.counts()).workers
    out.document({"event_id": event.event_id})
    out.say(event.event_id)
    if not workers:
        out.note("No worker runs now; the event waits. Start one: `folkmoot up`.")
    return Exit.OK


def _payload(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(session.task_text(text), type=dict[str, Any])
    except msgspec.DecodeError as fault:
        raise Invalid(
            f"The payload is not a JSON object: {fault}.",
            kept="Nothing was published.",
            todo="""Write it as --payload '{"id": 7}'.""",
        ) from None
