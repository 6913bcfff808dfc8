"""Our names as NATS's subjects.

    <prefix>folkmoot.work.<queue>.<priority>.<run>    announcements, in the stream <prefix>FOLKMOOT_WORK
    <prefix>folkmoot.events.<topic>                   events

A word that NATS cannot carry is written with %-escapes.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from urllib.parse import unquote

_AWKWARD = re.compile(r"[\s*>%\x00]")


def word(text: str) -> str:
    """Return one word, fit to be part of a subject."""
    return _AWKWARD.sub(lambda found: f"%{ord(found[0]):02X}", text) or "%"


def subject(topic: str) -> str:
    """Return a topic as a subject."""
    return ".".join(word(part) for part in topic.split("."))


def topic(text: str) -> str:
    """Return the topic of a subject."""
    return ".".join("" if part == "%" else unquote(part) for part in text.split("."))


def subjects(pattern: str) -> Sequence[str]:
    """Return subjects that together fit at least what the pattern fits, and nothing twice.

    >>> subjects("run.*.delta"), subjects("system.#"), subjects("a.#.b")
    (['run.*.delta'], ['system.>', 'system'], ['a.>'])
    """
    words = pattern.split(".")
    head = [part if part == "*" else word(part) for part in takewhile(lambda x: x != "#", words)]
    if len(head) == len(words):
        return [".".join(head)]
    found = [".".join([*head, ">"])]
    if head and all(part == "#" for part in words[len(head) :]):
        found.append(".".join(head))
    return found
