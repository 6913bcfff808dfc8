"""The wire: one request to one address that was checked before, its reply read within limits.

The transport is used bare: no proxy and no .netrc of our environment, no cookies, no redirects. The
connection goes to the given address; the name goes into the Host header, and for TLS into the
handshake, where the certificate is held against it.
"""

import ssl
import zlib
from collections.abc import Mapping, Sequence

import httpx
import msgspec

from folkmoot.tools.http.urls import Target
from folkmoot.tools.trouble import Trouble

_CONNECT_S = 10.0
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_HEADERS = {"User-Agent": "folkmoot", "Accept": "*/*", "Accept-Encoding": "identity"}


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `most` bytes of the reply's body are read."""

    target: Target
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    most: int = 2_000_000


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. `cut`: the body went on."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    cut: bool = False


class Wire:
    """Makes requests. `trust` says which certificates count; by default the usual authorities'."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        self._trust = trust

    async def send(self, ask: Ask, addresses: Sequence[str]) -> Reply:
        """Send to the first address that can be connected to. Raises Trouble."""
        fault: httpx.HTTPError | None = None
        if self._trust is None:
            self._trust = httpx.create_ssl_context()
        async with httpx.AsyncHTTPTransport(verify=self._trust, trust_env=False) as transport:
            for address in addresses:
                try:
                    return await _once(transport, ask, address)
                except (httpx.ConnectError, httpx.ConnectTimeout) as failed:
                    fault = failed  # nothing was sent: the next address may do
                except (httpx.HTTPError, zlib.error) as failed:
                    raise Trouble(
                        "NO_ANSWER", f"The server gave no usable answer ({_word(failed)})."
                    ) from None
        why = _word(fault) if fault else "it has no address"
        raise Trouble("UNREACHABLE", f"{ask.target.host!r} could not be reached ({why}).") from None


async def _once(transport: httpx.AsyncHTTPTransport, ask: Ask, address: str) -> Reply:
    target = ask.target
    url = httpx.URL(
        scheme=target.scheme, host=address, port=target.port, raw_path=target.raw_path.encode()
    )
    headers = httpx.Headers(_HEADERS)
    headers.update({**ask.headers, "Host": target.authority})
    request = httpx.Request(
        ask.method,
        url,
        headers=headers,
        content=ask.body,
        # The whole is timed by the caller; a host that does not answer must not use all of it.
        extensions={"sni_hostname": target.host, "timeout": {"connect": _CONNECT_S}},
    )
    response = await transport.handle_async_request(request)
    try:
        body, cut = await _body(response, ask.most)
    finally:
        await response.aclose()
    return Reply(
        status=response.status_code,
        reason=response.reason_phrase,
        headers=dict(response.headers.items()),
        body=body,
        cut=cut,
    )


async def _body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """Read at most `most` bytes, unpacked. We ask for unpacked replies, but some pack all the same.

    Unpacking is bounded as well: a few packed bytes can stand for gigabytes.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", *_WINDOW}:
        raise Trouble("NOT_TEXT", f"The reply is packed in a way that is not read ({coding}).")
    unpack = zlib.decompressobj(_WINDOW[coding]) if coding in _WINDOW else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        room = most + 1 - len(body)
        body += chunk[:room] if unpack is None else unpack.decompress(chunk, room)
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


def _word(fault: Exception) -> str:
    """Say in a few words what went wrong. Texts of errors may hold the URL; classes do not."""
    text = str(fault)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not valid for this name"
    return type(fault).__name__
