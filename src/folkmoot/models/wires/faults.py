"""Reading failures: a provider's answer to a fault of the port.

    429                              RateLimited, with the wait that the provider asked for
    500 502 503 504 529, other 5xx   Overloaded (424 too: Bedrock's model failed while it spoke)
    408, no answer in time           ModelTimeout
    no connection                    ModelUnreachable
    401 403                          ModelAuth
    413, texts of an overflow        ContextTooLong
    402, texts of an empty account   ModelRejected: waiting does not help
    400 404 422, other 4xx           ModelRejected

This file knows no library: what it reads is in a Failure. Texts of providers are shortened and
cleaned of keys before anybody sees them: a provider may echo what it was sent.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from folkmoot.core import errors
from folkmoot.core.errors import ModelFault
from folkmoot.models.wires.waits import retry_after

_LONGEST_TEXT = 500
_LOOKED_AT = 100_000
_OVERFLOW = re.compile(
    r"context[ _]length|context[ _]window|context size|maximum context|prompt is too long|"
    r"input is too long|input tokens? exceed|too many (input )?tokens|reduce the length|"
    r"maximum number of tokens|exceeds? the (model'?s? )?(maximum|limit of) .{0,20}tokens|"
    r"request_too_large",
    re.IGNORECASE,
)
_EMPTY_ACCOUNT = re.compile(
    r"insufficient[_ ]quota|billing[_ ](hard|error)|credit balance|insufficient (funds|balance|"
    r"credits)|spend[_ ]limit|usage[_ ]limit_exceeded|payment required|exceeded_current_quota",
    re.IGNORECASE,
)
_SECRETS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key)-[A-Za-z0-9_\-*.]{8,}|\bAKIA[A-Z0-9]{12,}|\bBearer\s+[\w.~+/=-]{16,}|"
    r"\bBasic\s+[A-Za-z0-9+/=]{8,}|(?i:x-api-key|authorization)[\"']?\s*[:=]\s*(?:(?i:bearer|basic)\s+)?\S+|"
    r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_KINDS: dict[int, type[ModelFault]] = {
    401: errors.ModelAuth,
    403: errors.ModelAuth,
    408: errors.ModelTimeout,
    413: errors.ContextTooLong,
    424: errors.Overloaded,
    429: errors.RateLimited,
}
_SERVER = 500
_TODOS = {404: "Check the model's name and its base_url."}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider answered. Header names are lower case; `code` is the provider's own."""

    status: int
    message: str = ""
    code: str = ""
    headers: Mapping[str, str] = {}


class Cleaner:
    """Takes keys out of texts: the one we sent, wherever it stands, and whatever looks like one."""

    def __init__(self, *secrets: str) -> None:
        """Know the secrets of one connection."""
        self._secrets = sorted((s for s in secrets if s), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return a short text on one line without keys.

        Of a long text only the beginning is looked at, and not the end of that: a key may be cut there.
        """
        begin = text[:_LOOKED_AT]
        for secret in self._secrets:
            begin = begin.replace(secret, "[key]")
        longest = max((len(secret) for secret in self._secrets), default=0)
        text = begin[: len(begin) - longest] if len(text) > _LOOKED_AT else begin
        text = " ".join(_SECRETS.sub("[key]", text).split())
        return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def fault(failure: Failure, about: str, now: float) -> ModelFault:
    """Return the fault that a failure is. `about` names the model; `now` is seconds since 1970."""
    said = f": {failure.message}" if failure.message else "."
    details: dict[str, Any] = {"status": failure.status}
    if failure.code:
        details["provider_code"] = failure.code
    kind, todo = _kind(failure)
    if kind in {errors.RateLimited, errors.Overloaded}:
        wait = retry_after(failure.headers, failure.message, now)
        if wait is not None:
            details["retry_after"] = wait
    return kind(f"{about} answered {failure.status}{said}", todo=todo, **details)


def _kind(failure: Failure) -> tuple[type[ModelFault], str]:
    status, text = failure.status, f"{failure.code} {failure.message}"
    if status in {400, 402, 403, 429} and _EMPTY_ACCOUNT.search(text):
        return (
            errors.ModelRejected,
            "The provider's account has no credit or quota left: top it up.",
        )
    if status in {400, 422} and _OVERFLOW.search(text):
        return errors.ContextTooLong, ""
    kind = _KINDS.get(status)
    if kind is None:
        kind = errors.Overloaded if status >= _SERVER else errors.ModelRejected
    return kind, _TODOS.get(status, "")
