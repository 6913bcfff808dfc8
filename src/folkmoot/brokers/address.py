"""A server's URL: what of it may be shown, what is secret, and which options of it are ours."""

from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import msgspec

from folkmoot.core import address


class Address(msgspec.Struct, frozen=True):
    """A URL taken apart. `url` is for the client library, without our own option.

    `prefix` sets several systems on one server apart; it comes from `?prefix=` in the URL.
    """

    url: str
    shown: str
    prefix: str
    secrets: tuple[str, ...]

    def clean(self, text: str) -> str:
        """Return a text without the secrets of the URL."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Address({self.shown})"


def read(url: str) -> Address:
    """Take a URL apart."""
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    prefix = next((value for name, value in options if name == "prefix"), "")
    query = urlencode([pair for pair in options if pair[0] != "prefix"])
    user = parts.netloc.rpartition("@")[0]
    # NATS takes a token where others have a user: all of it is secret then.
    raw = user.partition(":")[2] or (user if parts.scheme == "nats" else "")
    hidden = {raw, unquote(raw), user if raw else ""}
    hidden |= {value for name, value in options if "pass" in name.lower()}
    return Address(
        url=urlunsplit((parts.scheme, parts.netloc, parts.path, query, "")),
        shown=address.shown(url),
        prefix=prefix,
        secrets=tuple(sorted((word for word in hidden if word), key=len, reverse=True)),
    )
