"""Docstrings in Google style: what a tool is for, and what its arguments mean."""

import re
from inspect import cleandoc

import msgspec

_SECTION = re.compile(r"^(\w[\w ]*):\s*$")
_ARGUMENT = re.compile(r"^\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_ARGS = {"args", "arguments", "parameters", "params"}
_NOT_FOR_THE_MODEL = {"raises", "yields", "example", "examples", "note", "notes", "todo"}


class Doc(msgspec.Struct, frozen=True):
    """The text before the sections (with what is returned), and the arguments' descriptions."""

    text: str
    args: dict[str, str]


def parse(doc: str | None) -> Doc:
    """Return what a docstring says."""
    sections = _sections(cleandoc(doc or ""))
    text = "\n".join(sections.pop("", [])).strip()
    args: dict[str, str] = {}
    for title, lines in sections.items():
        if title.lower() in _ARGS:
            args.update(_arguments(lines))
        elif title.lower() not in _NOT_FOR_THE_MODEL:
            text = f"{text}\n\n{title}: {' '.join(line.strip() for line in lines).strip()}"
    return Doc(text.strip(), args)


def _sections(text: str) -> dict[str, list[str]]:
    """Split at the lines that are a title and a colon, standing at the margin."""
    sections: dict[str, list[str]] = {"": []}
    title = ""
    for line in text.splitlines():
        found = _SECTION.match(line)
        if found and _known(found[1]):
            title = found[1]
            sections.setdefault(title, [])
        else:
            sections[title].append(line)
    return sections


def _known(title: str) -> bool:
    return title.lower() in _ARGS | _NOT_FOR_THE_MODEL | {"returns"}


def _arguments(lines: list[str]) -> dict[str, str]:
    """Read `name (type): text` lines; deeper lines go on with the one before."""
    found: dict[str, str] = {}
    name, margin = "", 0
    for line in lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        match = _ARGUMENT.match(line)
        if match and (not name or indent <= margin):
            name, margin = match[1], indent
            found[name] = match[2].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
