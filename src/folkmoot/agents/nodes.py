"""YAML to nodes: from the parser's events, without recursion, with every position kept.

Why not the library's own constructors: they read YAML 1.1 (`no` is false, `1:30` is ninety), take
the last of two equal keys in silence, and forget where a value stood. Nothing is constructed here
but text, numbers, booleans, null, lists and mappings; a tag that asks for more is a mistake.
"""

import re
from typing import Any, Final

import msgspec
import yaml

MAX_DEPTH: Final = 64
_STR: Final = "tag:yaml.org,2002:str"
_FAST: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]{1,40}")
_BASED = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,2})?")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Spot(msgspec.Struct, frozen=True):
    """A place in the text; line and column count from 1."""

    line: int = 1
    column: int = 1


class Unreadable(Exception):
    """The text is not YAML that is read here. Becomes a Mistake at `spot`."""

    def __init__(self, problem: str, spot: Spot, hint: str = "") -> None:
        """Say what is wrong, and where."""
        super().__init__(problem)
        self.problem, self.spot, self.hint = problem, spot, hint


class Node(msgspec.Struct, eq=False):
    """One value of the text: a scalar, a list, or a mapping (as its keys and values in turn)."""

    spot: Spot
    kind: str
    value: Any = None
    items: list["Node"] = []
    open: bool = False


def parse(text: str, loader: Any = _FAST) -> Node | None:
    """Return the document's root, or None when there is nothing in it. Raises Unreadable."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as fault:
        raise _unreadable(text, fault) from None
    except yaml.YAMLError as fault:
        # A character that the parser takes for unprintable: it knows no line.
        raise Unreadable(f"this is not YAML: {' '.join(str(fault).split())}", Spot()) from None
    return builder.root


class _Builder:
    """Takes the parser's events one by one and keeps the collections that are open."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event))
        elif isinstance(event, yaml.ScalarEvent):
            self._add(self._anchored(event, Node(_spot(event), "scalar", _scalar(event))))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._enter(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop().open = False
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise Unreadable("a second document begins here", _spot(event), "one file, one agent")

    def _enter(self, event: Any) -> None:
        if event.tag is not None and not event.implicit:
            raise _foreign(event)
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(f"values are nested more than {MAX_DEPTH} deep", _spot(event))
        kind = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
        node = self._anchored(event, Node(_spot(event), kind, open=True))
        self._add(node)
        self._open.append(node)

    def _anchored(self, event: Any, node: Node) -> Node:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise Unreadable(
                f"*{event.anchor} refers to nothing",
                _spot(event),
                "text that begins with * needs quotes",
            )
        if node.open:
            raise Unreadable(f"*{event.anchor} stands inside itself", _spot(event))
        # The place of an alias is where it stands, not where its anchor does.
        return Node(_spot(event), node.kind, node.value, node.items)

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].items.append(node)
        else:
            self.root = node


def _spot(event: Any) -> Spot:
    return Spot(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(event: Any) -> Any:
    """Return a scalar's value after the core schema of YAML 1.2 (without infinity and nan)."""
    if event.tag is not None and event.tag not in {_STR, "!"}:
        raise _foreign(event)
    text = event.value
    if event.tag is not None or event.style or not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _foreign(event: Any) -> Unreadable:
    return Unreadable(f"the tag {event.tag} is not read here", _spot(event), "write plain values")


def _unreadable(text: str, fault: yaml.MarkedYAMLError) -> Unreadable:
    mark = fault.problem_mark or fault.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    rest = lines[line][column:] if line < len(lines) else ""
    spot = Spot(line + 1, column + 1)
    if rest.startswith("\t"):
        return Unreadable("a tab stands where spaces indent", spot, "indent with spaces")
    problem = str(fault.problem or fault.context or "this cannot be read as YAML")
    return Unreadable(f"this is not YAML: {problem}", spot, _hint(problem, rest))


def _hint(problem: str, rest: str) -> str:
    if "mapping values" in problem:
        return "text with ': ' in it needs quotes; or the line is indented wrongly"
    if "cannot start any token" in problem and rest:
        return f"text that begins with {rest[0]} needs quotes"
    if "end of stream" in problem:
        return "a quote is opened and never closed"
    return (
        "a line may be indented wrongly, or a bracket not closed" if "expected" in problem else ""
    )
