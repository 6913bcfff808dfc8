"""Grants: `service:action[:resource]`, matched by segments, never by substring.

`*` stands for any characters within one segment, `**` for any number of segments, none included.
A resource is split at `/`; it may itself hold colons. A grant without a resource covers every one.
An absolute path and a trailing `/` have an empty segment, which is a segment like any other: a deny of
`**` must not miss `/etc/passwd`. `..` is no more than a name here: tools resolve what they need first.
`github:read` says nothing about `github:readwrite`; `files:read:docs` nothing about `docs2`.
"""

import re
from functools import lru_cache

import msgspec

from folkmoot.core.errors import Invalid

_WORD = re.compile(r"\*|[a-z0-9][a-z0-9_.-]*")
_RESOURCE_AT = 2
_SKIPPED = "(?:/[^/]*+)*"


class Grant(msgspec.Struct, frozen=True):
    """One permission. `resource` None means any resource."""

    service: str
    action: str
    resource: str | None = None

    def __str__(self) -> str:
        """Return the grant as it is written."""
        tail = "" if self.resource is None else f":{self.resource}"
        return f"{self.service}:{self.action}{tail}"

    def covers(self, need: "Grant") -> bool:
        """Whether this grant gives what `need` (a concrete grant, without wildcards) asks for."""
        if self.service not in {"*", need.service} or self.action not in {"*", need.action}:
            return False
        if self.resource is None:
            return True
        return (
            need.resource is not None
            and _resource(self.resource).fullmatch(f"/{need.resource}") is not None
        )


@lru_cache(maxsize=4096)
def parse(text: str) -> Grant:
    """Return the grant that `text` writes. Raises Invalid, naming the part that is wrong."""
    parts = text.split(":", _RESOURCE_AT)
    if len(parts) < _RESOURCE_AT:
        raise Invalid(
            f"{text!r} is not a grant: expected service:action or service:action:resource."
        )
    for part in parts[:_RESOURCE_AT]:
        if not _WORD.fullmatch(part):
            raise Invalid(
                f"{text!r} is not a grant: {part!r} must be lower-case letters, digits, '.', '_', '-', or '*'."
            )
    resource = parts[_RESOURCE_AT] if len(parts) > _RESOURCE_AT else None
    if resource == "":
        raise Invalid(
            f"{text!r} is not a grant: the resource is empty; leave its colon out to mean any."
        )
    return Grant(parts[0], parts[1], resource)


@lru_cache(maxsize=4096)
def _resource(pattern: str) -> re.Pattern[str]:
    """Compile a resource pattern; it is matched against the resource with a `/` before it.

    What lies between two wildcards is taken where it first fits, and that is never reconsidered
    (atomic groups): the need comes from a model, and must not be able to make matching slow.
    """
    parts: list[list[str]] = [[]]
    for segment in pattern.split("/"):
        if segment == "**":
            parts.append([])
        else:
            parts[-1].append(_segment(segment))
    first, *between = ["".join(part) for part in parts]
    if not between:
        return re.compile(first)
    *middle, last = between
    return re.compile(
        first + "".join(f"(?>{_SKIPPED}?{part})" for part in middle) + _SKIPPED + last
    )


def _segment(segment: str) -> str:
    """Return the expression of one whole segment; every character but `*` stands for itself."""
    first, *rest = (re.escape(piece) for piece in segment.split("*"))
    if not rest:
        return f"/{first}(?=/|\\Z)"
    *middle, last = rest
    between = "".join(f"(?>[^/]*?{piece})" for piece in middle if piece)
    return f"/{first}{between}[^/]*{last}(?=/|\\Z)"
