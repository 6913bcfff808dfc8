"""Replies as a model reads them."""

import codecs

from folkmoot.ports.tool import ToolContext, ToolResult
from folkmoot.tools.clip import clip
from folkmoot.tools.http.html import to_text
from folkmoot.tools.http.urls import Target
from folkmoot.tools.http.wire import Reply
from folkmoot.tools.threads import Stop, in_thread
from folkmoot.tools.trouble import Trouble

_TEXTS = ("text/", "application/json", "application/xml", "application/javascript",
    "application/x-javascript", "application/ecmascript", "application/yaml", "application/x-yaml",
    "application/toml", "application/x-ndjson", "application/jsonl", "application/graphql",
    "application/x-www-form-urlencoded", "application/sql", "message/http")  # fmt: skip
_HTML = {"text/html", "application/xhtml+xml"}
_SHOWN = ("content-type", "location", "retry-after", "etag", "last-modified")
_FAILED = 400
_HTML_S = 5.0


async def told(
    reply: Reply, target: Target, context: ToolContext, *, raw: bool, why: str = ""
) -> ToolResult:
    """Return a reply as text: status, a few headers, the body. `why` explains what was not done."""
    head = [f"HTTP {reply.status} {reply.reason}".strip(), f"url: {target}"]
    head += [f"{name}: {reply.headers[name]}" for name in _SHOWN if name in reply.headers]
    head += [why] if why else []
    top = "\n".join(head)
    body = await _readable(reply, raw=raw)
    if reply.cut:
        body += f"\n[the reply was cut after {len(reply.body):,} bytes]"
    text = f"{top}\n\n{clip(body, max(context.max_output - len(top) - 100, 0))}".rstrip()
    return ToolResult(text, f"HTTP_{reply.status}" if reply.status >= _FAILED else "")


async def _readable(reply: Reply, *, raw: bool) -> str:
    if not reply.body:
        return ""
    kind = reply.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if not (kind.startswith(_TEXTS) or kind in _HTML or kind.endswith(("+json", "+xml"))):
        raise Trouble(
            "NOT_TEXT", f"The reply is {kind or 'of no known kind'} and not text "
            f"(HTTP {reply.status}, {len(reply.body):,} bytes{' and more' if reply.cut else ''}).",
        )  # fmt: skip
    text = _decoded(reply)
    if raw or kind not in _HTML:
        return text

    def work(stop: Stop) -> str:
        return to_text(text, stop)

    return await in_thread(work, _HTML_S)


def _decoded(reply: Reply) -> str:
    """Return the body as text. Some of Python's charsets (idna, undefined) cannot replace anything."""
    try:
        return reply.body.decode(_charset(reply), errors="replace")
    except UnicodeError:
        return reply.body.decode(errors="replace")


def _charset(reply: Reply) -> str:
    """Return the charset that the reply names, when it is one; else UTF-8."""
    _, _, named = reply.headers.get("content-type", "").lower().partition("charset=")
    name = named.split(";")[0].strip(" \"'")
    try:
        known = codecs.lookup(name or "utf-8")
    except LookupError:
        return "utf-8"
    return known.name if getattr(known, "_is_text_encoding", True) else "utf-8"
