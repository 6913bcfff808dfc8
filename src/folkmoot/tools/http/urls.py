"""URLs: read once, strictly, and then only passed on in parts.

Two readers that understand one text differently are how a request ends up elsewhere than judged. So
a URL is taken apart here; the permission and the request are both made of the same parts.

The permission's resource is the host (with the port, when it is not the scheme's own), and the path
with everything percent-decoded, so that no way of writing a path escapes a deny.
"""

import re
from ipaddress import ip_address
from posixpath import normpath
from urllib.parse import quote, unquote, urljoin, urlsplit

import msgspec

from folkmoot.tools.http.addresses import is_literal, public
from folkmoot.tools.trouble import Trouble

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_BAD = re.compile(r"[\x00-\x20\x7f\\]")
_UNRESERVED = re.compile(r"%(2D|2E|5F|7E|3[0-9]|[46][1-9A-F]|[57][0-9A])", re.IGNORECASE)
_FOREIGN = re.compile("[\\udc80-\\udcff]")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
_QUERY_SAFE = _PATH_SAFE + "?"
_LONGEST = 8_000


class Target(msgspec.Struct, frozen=True):
    """Where a request goes. `path` and `query` are as they are sent; `host` is lower-case ASCII."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    resource: str

    @property
    def authority(self) -> str:
        """The host as a Host header has it: IPv6 in brackets, the port unless it is the scheme's."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"

    @property
    def raw_path(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def surely_private(self) -> bool:
        """Whether the host is private by its very name; other names may turn out to be."""
        if is_literal(self.host):
            return not public(self.host)
        return self.host == "localhost" or self.host.endswith(".localhost")

    def __str__(self) -> str:
        """Return the URL."""
        return f"{self.scheme}://{self.authority}{self.raw_path}"


def parse(text: str) -> Target:
    """Return what a URL means. Raises Trouble when it means nothing, or too much."""
    if len(text) > _LONGEST or _BAD.search(text):
        raise _bad("it is too long, or holds a space, a backslash or a control character")
    try:
        parts = urlsplit(text)
        port = parts.port
        # Text that is not Unicode, a port that is no number, half an IPv6 address …
        quote(text)
    except (ValueError, UnicodeError):
        raise _bad("it cannot be read") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _bad("it must begin with https:// or http:// and a host")
    if "@" in parts.netloc:
        raise _bad("it holds a user name or password")
    host = _host(parts.hostname)
    path = _path(parts.path)
    number = _PORTS[parts.scheme] if port is None else port
    target = Target(parts.scheme, host, number, path, quote(parts.query, safe=_QUERY_SAFE), "")
    return msgspec.structs.replace(target, resource=target.authority + _judged(path))


def follow(target: Target, location: str) -> Target:
    """Return where a redirect leads. Raises Trouble."""
    try:
        onward = urljoin(str(target), location.strip())
    except ValueError:  # half an IPv6 address
        raise _bad("it cannot be read") from None
    return parse(onward)


def _bad(why: str) -> Trouble:
    return Trouble("BAD_URL", f"This URL cannot be used: {why}.")


def _host(text: str) -> str:
    if is_literal(text) and "%" not in text:  # a zone says which of our own networks
        return str(ip_address(text))
    try:
        name = text.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        raise _bad("its host is no name") from None
    if not _HOST.fullmatch(name) or ".." in name:
        raise _bad("its host is no name")
    return name


def _path(text: str) -> str:
    """Return the path in its normal form: nothing encoded that need not be, no dot segments."""
    plain = _UNRESERVED.sub(lambda found: chr(int(found[1], 16)), text or "/")
    path = quote(plain, safe=_PATH_SAFE)
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            segments = segments[:-1]
        elif segment != ".":
            segments.append(segment)
    if path.endswith(("/.", "/..")):
        segments.append("")
    return "/" + "/".join(segments)


def _judged(path: str) -> str:
    """Return the path as a permission has it: decoded, without empty segments.

    Bytes that are not UTF-8 stay encoded, each for itself: one of them must not spare the rest.
    """
    decoded = _FOREIGN.sub(_encoded, unquote(path, errors="surrogateescape"))
    if _BAD.search(decoded.replace(" ", "")) or not {".", ".."}.isdisjoint(decoded.split("/")):
        raise _bad("its path hides a dot segment, a backslash or a control character")
    tidy = normpath(decoded).lstrip("/")
    return f"/{tidy}" if tidy else ""


def _encoded(found: re.Match[str]) -> str:
    return f"%{ord(found[0]) - 0xDC00:02x}"
