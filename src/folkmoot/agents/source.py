"""Reading a text file that belongs to an agent: its size, its encoding, its characters."""

import codecs
import re
from pathlib import Path

from folkmoot.agents.mistakes import Mistake

MAX_BYTES = 1_048_576
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: Path) -> str | Mistake:
    """Return the file's text, or the mistake that keeps it from being read."""
    data = load(path)
    if isinstance(data, str):
        return _at(path, data)
    if data.startswith(_WIDE):
        return _at(path, "the file is written in UTF-16 or UTF-32", expected="UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        return _not_utf8(path, data, fault)
    strange = _UNPRINTABLE.search(text)
    if strange is None:
        return text
    problem = f"the character U+{ord(strange.group()):04X} cannot stand in a file of text"
    return _at(path, problem, place=spot(text, strange.start()))


def load(path: Path) -> bytes | str:
    """Return a regular file's bytes, or a sentence that says why not."""
    try:
        # A pipe or a device would block or never end.
        if path.exists() and not path.is_file():
            return "this is not a file"
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as fault:
        return f"the file cannot be read ({fault.strerror})"
    if len(data) > MAX_BYTES:
        return f"the file is larger than {MAX_BYTES} bytes"
    return data


def spot(text: str, index: int) -> tuple[int, int]:
    """Return the line and column, from 1, of a character."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _not_utf8(path: Path, data: bytes, fault: UnicodeDecodeError) -> Mistake:
    before = data[: fault.start].decode("utf-8-sig", "replace")
    problem = f"the byte 0x{data[fault.start]:02X} is not UTF-8"
    return _at(path, problem, expected="UTF-8", place=spot(before, len(before)))


def _at(
    path: Path, problem: str, *, expected: str = "", place: tuple[int, int] = (1, 1)
) -> Mistake:
    return Mistake(
        file=str(path), line=place[0], column=place[1], field="", problem=problem, expected=expected
    )
