"""Whole words in a text: `hi` is in "hi there" and not in "this"."""

import re
from collections.abc import Iterable


def pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Compile words or phrases to a pattern that finds any of them whole, whatever the case.

    Spaces in a phrase stand for any white space; a trailing `*` lets the word go on (`дяку*`).
    """
    return re.compile("|".join(_whole(phrase) for phrase in phrases), re.IGNORECASE)


def _whole(phrase: str) -> str:
    stem = phrase.removesuffix("*")
    tail = r"\w*" if stem != phrase else ""
    inside = r"\s+".join(re.escape(word) for word in stem.split())
    return rf"(?<!\w){inside}{tail}(?!\w)"
