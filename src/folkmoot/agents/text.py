"""The text of a file that belongs to an agent: its encoding, its characters."""

import codecs
import re

from folkmoot.agents.mistakes import Mistake
from folkmoot.agents.shelf import Shelf

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(shelf: Shelf, name: str) -> str | Mistake:
    """Return the file's text, or the mistake that keeps it from being read."""
    data, file = shelf.read(name), shelf.shown(name)
    if isinstance(data, str):
        return _at(file, data)
    if data.startswith(_WIDE):
        return _at(file, "the file is written in UTF-16 or UTF-32", expected="UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        return _not_utf8(file, data, fault)
    strange = _UNPRINTABLE.search(text)
    if strange is None:
        return text
    problem = f"the character U+{ord(strange.group()):04X} cannot stand in a file of text"
    return _at(file, problem, place=spot(text, strange.start()))


def spot(text: str, index: int) -> tuple[int, int]:
    """Return the line and column, from 1, of a character."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _not_utf8(file: str, data: bytes, fault: UnicodeDecodeError) -> Mistake:
    before = data[: fault.start].decode("utf-8-sig", "replace")
    problem = f"the byte 0x{data[fault.start]:02X} is not UTF-8"
    return _at(file, problem, expected="UTF-8", place=spot(before, len(before)))


def _at(file: str, problem: str, *, expected: str = "", place: tuple[int, int] = (1, 1)) -> Mistake:
    return Mistake(
        file=file, line=place[0], column=place[1], field="", problem=problem, expected=expected
    )
