"""Wildcards for paths: `*`, `?`, `[a-z]`, `{a,b}` within a name, `**` for any number of folders."""

from collections.abc import Sequence

from folkmoot.core.errors import Invalid
from folkmoot.tools.regex import Pattern, literal

_ANY_NAME = "[^/]*"
_MOST_BRACES = 64


class Wildcard:
    """A compiled wildcard. Raises Invalid."""

    def __init__(self, text: str) -> None:
        text = _relative(text)
        segments = text.split("/")
        self.depth = None if "**" in segments else len(segments)
        self.base = _plain(segments)
        body = "|".join(_path(way.split("/")) for way in _ways(text))
        self._pattern = Pattern(f"^(?:{body})$")

    def fits(self, path: str) -> bool:
        """Whether a path fits, whole."""
        return self._pattern.found(path)


class Names:
    """Several wildcards for single names, as one set. Raises Invalid."""

    def __init__(self, texts: Sequence[str]) -> None:
        body = "|".join(_name(text) for text in texts)
        self._pattern = Pattern(f"^(?:{body})$") if texts else None

    def __contains__(self, name: object) -> bool:
        return self._pattern is not None and self._pattern.found(str(name))


def _relative(text: str) -> str:
    """Return the pattern without empty and `.` segments. Raises Invalid when it leads elsewhere."""
    segments = [segment for segment in text.split("/") if segment not in {"", "."}]
    if text.startswith("/") or ".." in segments or not segments:
        raise Invalid(f"{text!r} does not stay below the folder that is searched.")
    return "/".join(segments)


def _plain(segments: list[str]) -> str:
    """Return the folders at the beginning that hold no wildcard, so that a walk may begin there."""
    count = 0
    while count < len(segments) - 1 and not set(segments[count]) & set("*?[{"):
        count += 1
    return "/".join(segments[:count])


def _ways(text: str) -> list[str]:
    """Expand `{a,b}`; braces do not nest."""
    before, brace, rest = text.partition("{")
    inside, end, after = rest.partition("}")
    if not brace or not end:
        return [text]
    if "{" in inside:
        raise Invalid(f"The braces in {text!r} are nested; write the alternatives out.")
    ways = [before + choice + tail for choice in inside.split(",") for tail in _ways(after)]
    if len(ways) > _MOST_BRACES:
        raise Invalid(f"{text!r} stands for more than {_MOST_BRACES} patterns.")
    return ways


def _path(segments: list[str]) -> str:
    out = ""
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "**":
            out += "(?:[^/]|/)*" if last else "(?:[^/]+/)*"
        else:
            out += _name(segment) + ("" if last else "/")
    return out


def _name(segment: str) -> str:
    out, at = "", 0
    while at < len(segment):
        sign = segment[at]
        end = segment.find("]", at + 2) if sign == "[" else -1
        if end > 0:
            out += _class(segment[at + 1 : end])
            at = end
        elif sign == "*":
            out += _ANY_NAME
        else:
            out += "[^/]" if sign == "?" else literal(sign)
        at += 1
    return out


def _class(inside: str) -> str:
    negated = inside[0] in "!^"
    body = inside[1:] if negated else inside
    if not body:
        raise Invalid(f"[{inside}] stands for no character.")
    escaped = "".join(sign if sign == "-" else literal(sign) for sign in body)
    return f"[^/{escaped}]" if negated else f"[{escaped}]"
