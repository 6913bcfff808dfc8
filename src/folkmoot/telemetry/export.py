"""Export: sends spans by OTLP over HTTP, or prints them (to stderr). The extra `otel` brings what it needs.

Import this file only when traces are on: it imports OpenTelemetry's SDK. Spans wait in a bounded
queue and leave from a thread of their own; what does not fit is dropped, and the SDK's log says so.
Headers for the collector (keys, for example) come from OTEL_EXPORTER_OTLP_HEADERS, which the SDK
reads by itself.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit

from folkmoot.core.errors import SettingsInvalid
from folkmoot.telemetry import masks
from folkmoot.telemetry.traces import Span

try:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SimpleSpanProcessor,
        SpanExporter,
    )
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
except ImportError as fault:
    raise SettingsInvalid(
        "FOLKMOOT_TRACES is set, but OpenTelemetry's SDK is not installed.",
        kept="Nothing was started.",
        todo="Install it (pip install 'folkmoot[otel]'), or unset FOLKMOOT_TRACES.",
    ) from fault

_QUEUE = 20_000
_PATIENCE_S = 3.0
_NS = 1_000_000  # nanoseconds in a millisecond


class Exporter:
    """Takes spans as values and hands them to OpenTelemetry."""

    def __init__(
        self,
        processor: SpanProcessor,
        resource: Resource,
        give_up: Callable[[], None] | None = None,
    ) -> None:
        """Take what sends, what describes this process, and how to end a sending that hangs."""
        self._processor = processor
        self._resource = resource
        self._give_up = give_up
        self._scope = InstrumentationScope("folkmoot")

    def send(self, span: Span) -> None:
        """Queue a span. Never blocks."""
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=_context(span.trace, span.id),
                parent=_context(span.trace, span.parent, remote=True) if span.parent else None,
                resource=self._resource,
                attributes=span.attributes,
                kind=SpanKind.CLIENT if span.outgoing else SpanKind.INTERNAL,
                status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
                start_time=span.start * _NS,
                end_time=span.end * _NS,
                instrumentation_scope=self._scope,
            )
        )

    async def stop(self) -> None:
        """Send what waits, for at most 3 s, then end. Idempotent.

        The SDK would go on trying for 30 s, and its thread would hold the process up: ours is a
        daemon, and the process may end while a collector is still silent.
        """
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            self._processor.shutdown()
            with suppress(RuntimeError):  # nobody waits any more: the loop is closed
                loop.call_soon_threadsafe(over.set)

        Thread(target=end, name="folkmoot-traces-stop", daemon=True).start()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await over.wait()
        except TimeoutError:
            if self._give_up is not None:
                self._give_up()


def _context(trace: str, span: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), remote, TraceFlags(TraceFlags.SAMPLED))


def connect(target: str, version: str) -> Exporter:
    """Return the exporter for the setting `traces`: an OTLP/HTTP endpoint, or `console`.

    Raises SettingsInvalid for anything else. No connection is made until there are spans to send.
    """
    resource = Resource.create({"service.name": "folkmoot", "service.version": version})
    if target == "console":
        return Exporter(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)), resource)
    sender = _otlp(target)
    return Exporter(BatchSpanProcessor(sender, max_queue_size=_QUEUE), resource, sender.shutdown)


def _otlp(target: str) -> SpanExporter:
    url = urlsplit(target)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise SettingsInvalid(
            f"FOLKMOOT_TRACES is {masks.text(target)!r}: neither `console` nor an http(s) URL.",
            kept="Nothing was started.",
            todo="Give the collector's OTLP/HTTP address, such as http://127.0.0.1:4318.",
        )
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - optional
    except ImportError as fault:
        raise SettingsInvalid(
            "FOLKMOOT_TRACES is set, but the OTLP exporter is not installed.",
            kept="Nothing was started.",
            todo="Install it (pip install 'folkmoot[otel]'), or unset FOLKMOOT_TRACES.",
        ) from fault
    endpoint = target if url.path.strip("/") else f"{target.rstrip('/')}/v1/traces"
    return OTLPSpanExporter(endpoint=endpoint)
