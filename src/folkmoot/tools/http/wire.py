"""The wire: one request to one address that was checked before, its reply read within limits.

Nothing comes from our environment: no proxy, no .netrc, no cookies. The connection goes to the given
address; the name goes into the Host header, and for TLS into the handshake, where the certificate
is held against it.
"""

import ssl
import zlib
from collections.abc import Mapping, Sequence

import httpx
import msgspec

from folkmoot import __version__
from folkmoot.tools.http.urls import Target
from folkmoot.tools.trouble import Trouble

_CONNECT_S = 10.0
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_AGENT = f"folkmoot/{__version__}"


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
        async with self._client() as client:
            for address in addresses:
                try:
                    return await _once(client, ask, address)
                except (httpx.ConnectError, httpx.ConnectTimeout) as failed:
                    fault = failed  # nothing was sent: the next address may do
                except (httpx.HTTPError, zlib.error) as failed:
                    raise Trouble(
                        "NO_ANSWER", f"The server gave no usable answer ({_word(failed)})."
                    ) from None
        why = _word(fault) if fault else "it has no address"
        raise Trouble("UNREACHABLE", f"{ask.target.host!r} could not be reached ({why}).") from None

    def _client(self) -> httpx.AsyncClient:
        if self._trust is None:
            self._trust = httpx.create_ssl_context()
        return httpx.AsyncClient(
            verify=self._trust,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=_CONNECT_S),  # the whole is timed by the caller
            headers={"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"},
        )


async def _once(client: httpx.AsyncClient, ask: Ask, address: str) -> Reply:
    target = ask.target
    url = httpx.URL(
        scheme=target.scheme, host=address, port=target.port, raw_path=target.raw_path.encode()
    )
    request = client.build_request(
        ask.method,
        url,
        headers={**ask.headers, "Host": target.authority},
        content=ask.body,
        extensions={"sni_hostname": target.host},
    )
    response = await client.send(request, stream=True)
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
    window = _WINDOW.get(response.headers.get("content-encoding", "").strip().lower())
    unpack = zlib.decompressobj(window) if window else None
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
