"""Reading the library's exceptions: each becomes a Failure with a status, or a fault of the transport.

The library sorts a provider's errors by what they mean, and gives an error that came inside an open
stream the status that the same error has before one. Where it has no status, its class tells one.
"""

from collections.abc import Iterator
from typing import Any

import httpx2
from pydantic_ai import exceptions as x

from folkmoot.core import errors
from folkmoot.core.errors import ModelFault
from folkmoot.models.wires.client import MOST_BYTES, TooMuch
from folkmoot.models.wires.faults import Cleaner, Failure, fault

Kinds = tuple[tuple[type[Exception], type[ModelFault]], ...]

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (x.ModelContextWindowExceededError, 413),
    (x.ModelQuotaExceededError, 402),
    (x.ModelRateLimitError, 429),
    (x.ModelAuthenticationError, 401),
    (x.ModelNotFoundError, 404),
    (x.ModelRequestRejectedError, 400),
    (x.ModelUnavailableError, 503),
    (x.ModelServerError, 500),
)
_CONNECTING = {"connect", "pool", "write"}
_REDIRECT, _ERROR = 300, 400
_TOLD = 5


class Reader:
    """Reads failures of one connection, whose keys it takes out of every text."""

    def __init__(self, clean: Cleaner, kinds: Kinds = ()) -> None:
        """Read with this cleaner; `kinds` are exceptions that only one provider's library raises."""
        self._clean = clean
        self._kinds = kinds

    def read(self, error: Exception, about: str, now: float) -> ModelFault:
        """Return the fault that an exception of the library is. A ModelFault stays as it is."""
        if isinstance(error, ModelFault):
            return error
        status = _status(error)
        if status is not None:
            return fault(self._failure(error, status), about, now)
        kind, what = self._special(error) or _transport(error)
        text = self._clean(str(error)) or type(error).__name__
        return kind(f"{about} {what}: {text}")

    def _special(self, error: Exception) -> tuple[type[ModelFault], str] | None:
        return next(
            ((kind, "was not asked") for raised, kind in self._kinds if isinstance(error, raised)),
            None,
        )

    def _failure(self, error: Exception, status: int) -> Failure:
        code = getattr(error, "provider_error_code", None) or getattr(
            error, "provider_error_type", None
        )
        headers = dict(getattr(error, "headers", None) or {})
        wait = getattr(error, "retry_after", None)
        if wait is not None and "retry-after" not in headers and "retry-after-ms" not in headers:
            headers["retry-after"] = str(wait)
        body = getattr(error, "body", None)
        message = _message(body) or ("" if body else getattr(error, "message", str(error)))
        return Failure(
            status=status,
            message=self._clean(message),
            code=self._clean(str(code)) if code else "",
            headers=headers,
        )


def _status(error: Exception) -> int | None:
    """Return the status of an error that a provider answered, or None."""
    given = getattr(error, "status_code", None)
    if isinstance(error, x.ModelHTTPError) and isinstance(given, int):
        category = next((status for kind, status in _STATUS if isinstance(error, kind)), given)
        # Two categories say more than the status they came with; the others say less.
        return category if category in {402, 413} else given
    return next((status for kind, status in _STATUS if isinstance(error, kind)), _redirect(error))


def _redirect(error: Exception) -> int | None:
    """Return the status of a redirect: nobody follows one, since it could carry the key elsewhere."""
    cause = getattr(error.__cause__, "status_code", None)
    return 404 if isinstance(cause, int) and _REDIRECT <= cause < _ERROR else None


def _transport(error: Exception) -> tuple[type[ModelFault], str]:
    """Return what an error without an answer is: no time, no connection, or an unreadable reply."""
    if isinstance(error, x.ModelTimeoutError | x.ModelRequestTimeout | httpx2.TimeoutException):
        return errors.ModelTimeout, "did not answer in time"
    if isinstance(error, x.UserError):
        return errors.ModelRejected, "cannot take this request"
    if not isinstance(error, x.ModelConnectionError | httpx2.TransportError):
        return errors.ReplyGarbled, "gave an unreadable reply"
    if any(isinstance(cause, TooMuch) for cause in _causes(error)):
        return errors.ReplyGarbled, f"sent more than {MOST_BYTES >> 20} MiB"
    if getattr(error, "phase", None) in _CONNECTING or _refused(error):
        return errors.ModelUnreachable, "could not be reached"
    return errors.ReplyGarbled, "broke off its reply"


def _refused(error: BaseException) -> bool:
    """Whether the connection itself failed, whatever wraps it."""
    return any(isinstance(cause, httpx2.ConnectError | OSError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__


def _message(body: Any) -> str:
    """Return the sentence in an error's body, in any of the shapes that providers use."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(found for item in body[:_TOLD] if (found := _message(item)))
    if not isinstance(body, dict):
        return ""
    for name in ("error", "Error", "message", "Message", "detail", "msg"):
        found = _message(body.get(name))
        if found:
            return found
    return ""
