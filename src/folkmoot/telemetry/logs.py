"""Logs: one line of JSON (or of text, on a terminal) for each thing worth knowing.

Every line has `ts`, `level` and `event`, and `run`, `agent`, `trace_id` where they are known. What
libraries say through the standard `logging` module takes the same way. Secrets are masked last, so
that nothing can be added behind the mask. What agents and models say to each other is not logged:
it is in the journal, whose readers are other people than those of a log.

`configure` changes the process (structlog's defaults, the root logger): only app.py calls it.
"""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Entry
from folkmoot.core.run import Run
from folkmoot.core.trace import trace_id
from folkmoot.telemetry import masks

_FIRST = ("ts", "level", "event", "run", "agent", "trace_id")
_OURS = frozenset({"ts", "level", "trace_id"})  # written by this file, just before the mask
_LONGEST = 2_000
_QUIET = ("asyncio", "httpcore", "httpcore2", "httpx", "httpx2", "urllib3", "uvicorn")
_encoder = msgspec.json.Encoder(enc_hook=str)


def configure(level: str, style: str, stream: TextIO | None = None) -> None:
    """Set up logging for this process: `style` is auto, json or text; the stream is stderr.

    `auto` is text on a terminal and JSON elsewhere. Calling it again replaces what was set before.
    """
    out = sys.stderr if stream is None else stream
    threshold = logging.getLevelNamesMapping()[level.upper()]
    plain = style == "json" or (style == "auto" and not out.isatty())
    render: Processor = _json if plain else _console(colors=out.isatty())
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_chain(), render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _take_over(logging.StreamHandler(out), render, threshold)


def _chain() -> list[Processor]:
    """Return what every line goes through, whoever wrote it, before it is rendered."""
    return [
        structlog.processors.add_log_level,
        _stamp,
        structlog.processors.format_exc_info,
        _mask,
        _arrange,
    ]


def _take_over(handler: logging.Handler, render: Processor, threshold: int) -> None:
    """Let the standard library's loggers write through the same chain, and nowhere else."""
    before: list[Processor] = [structlog.stdlib.ExtraAdder(), *_chain()]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _stamp(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Say when, and which trace a run belongs to."""
    now = datetime.now(UTC)
    line["ts"] = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
    run = line.get("run")
    if isinstance(run, str) and run and "trace_id" not in line:
        line["trace_id"] = trace_id(run)
    return line


def _mask(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    return {
        key: given if key in _OURS or key[:1] == "_" else _cut(masks.value(key, given))
        for key, given in line.items()
    }


def _cut(given: Any) -> Any:
    """Keep a line readable. A traceback's end says more than its beginning."""
    if not isinstance(given, str) or len(given) <= _LONGEST:
        return given
    return f"{given[:400]} [{len(given) - _LONGEST} characters left out] {given[400 - _LONGEST :]}"


def _arrange(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Put the fields that every line has first, always in the same order."""
    arranged = {key: line.pop(key) for key in _FIRST if key in line}
    arranged.update(line)
    return arranged


def _json(_: WrappedLogger, __: str, line: EventDict) -> str:
    try:
        return _encoder.encode(line).decode()
    except UnicodeEncodeError:  # half a character: the name of a file that is no UTF-8, for example
        return _encoder.encode(_whole(line)).decode()


def _whole(given: Any) -> Any:
    """Return a masked value with `?` in place of half characters, which JSON cannot hold."""
    if isinstance(given, str):
        return given.encode("utf-8", "replace").decode()
    if isinstance(given, list):
        return [_whole(inner) for inner in given]
    if isinstance(given, dict):
        return {_whole(key): _whole(inner) for key, inner in given.items()}
    return given


def _console(*, colors: bool) -> Processor:
    # structlog's default would print the local variables of every frame: secrets among them.
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        timestamp_key="ts",
        exception_formatter=structlog.dev.plain_traceback,
        pad_event_to=24,
    )


class _Line(msgspec.Struct, frozen=True):
    """How one kind of entry is logged: how loud, and which of its fields."""

    level: int
    fields: dict[str, Callable[[Any], Any]] = {}


def _line(level: int, *names: str, **paths: str) -> _Line:
    read: dict[str, Callable[[Any], Any]] = {name: attrgetter(name) for name in names}
    read |= {name: attrgetter(path) for name, path in paths.items()}
    return _Line(level, read)


_DEBUG, _INFO, _WARNING, _ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

LINES: dict[type, _Line] = {
    e.Created: _line(_DEBUG, "definition", source="task.source", priority="task.priority"),
    e.Reset: _line(_INFO, "attempt", "reason"),
    e.Resumed: _line(_WARNING, "worker", "fence", "lost"),
    e.ModelCalled: _line(_DEBUG, "call", "model", "purpose"),
    e.ModelReplied: _line(
        _DEBUG, "call", "model", "ms", "nanos", "finish", "purpose",
        tokens_in="usage.input", tokens_out="usage.output",
    ),
    e.ModelFailed: _line(_WARNING, "call", "model", "code", "detail", "retry_ms", "next"),
    e.ToolStarted: _line(_DEBUG, "call", "effect", tool="name"),
    e.ToolReturned: _line(_DEBUG, "call", "error", "ms", "reconciled", tool="name"),
    e.ToolDoubted: _line(_WARNING, "call", tool="name"),
    e.StepDenied: _line(_WARNING, "call", "act", "policy", "code", "reason"),
    e.StepAsked: _line(_INFO, "call", "act", "policy", "approval", "needs", "by", "expires_at"),
    e.StepVoted: _line(_INFO, "approval", "by", "approve"),
    e.ApprovalExpired: _line(_WARNING, "approval"),
    e.MessageAdded: _line(_DEBUG, "by", "message"),
    e.MessageAnswered: _line(_INFO, "message", "error"),
    e.ContextDropped: _line(_DEBUG, "upto"),
    e.ReplyRejected: _line(_DEBUG),
    e.Asked: _line(_INFO, "call"),
    e.Slept: _line(_DEBUG, "until", "call"),
    e.Woke: _line(_DEBUG),
    e.Paused: _line(_INFO, "by"),
    e.Continued: _line(_INFO, "by"),
    e.Succeeded: _line(_INFO),
    e.Failed: _line(_ERROR, "code", "message", "retry_ms"),
    e.Cancelled: _line(_INFO, "by", "reason"),
    e.Refused: _line(_WARNING, "code", "message"),
}  # fmt: skip

_SILENT = _Line(-1)


class Logs:
    """Writes a line for each entry that its level lets through. Made after `configure`."""

    def __init__(self, level: str) -> None:
        """Skip what is below `level` before anything is computed: most entries are."""
        self._threshold = logging.getLevelNamesMapping()[level.upper()]
        self._log: FilteringBoundLogger = structlog.get_logger("folkmoot.runs").bind()
        self.kinds = frozenset(
            kind for kind, line in LINES.items() if line.level >= self._threshold
        )

    def __call__(self, run: Run, entry: Entry, body: Body) -> None:
        """Look at one entry."""
        line = LINES.get(type(body), _SILENT)
        if line.level < self._threshold:
            return
        fields = {name: read(body) for name, read in line.fields.items()}
        if isinstance(body, e.Succeeded | e.Failed | e.Cancelled):
            fields["seconds"] = round((entry.at - run.created_at) / 1000, 3)
        known = {name: given for name, given in fields.items() if given not in (None, "", ())}
        level = _WARNING if isinstance(body, e.Failed) and body.retry_ms is not None else line.level
        self._log.log(level, entry.kind, run=run.id, agent=run.agent, seq=entry.seq, **known)
