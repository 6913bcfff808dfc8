"""Files that an agent file points to: they become part of the agent, so that its digest covers them.

Names are relative to the agent file. What lies outside the shelf's root is not read (shelf.py).
"""

import posixpath
from typing import Any

from folkmoot.agents import text as texts
from folkmoot.agents import tree as trees
from folkmoot.agents.mistakes import Path as Place
from folkmoot.agents.mistakes import show
from folkmoot.agents.shelf import Shelf
from folkmoot.agents.tree import Tree


class Includes:
    """Reads files for one agent file, and notes in its tree what keeps them from being used."""

    def __init__(self, tree: Tree, shelf: Shelf, file: str) -> None:
        """Read for `tree`, which is that of the agent file by the name of `file`."""
        self._tree, self._shelf = tree, shelf
        self._folder = posixpath.dirname(file)
        self._refused: set[Place] = set()

    def text(self, name: str, place: Place) -> str:
        """Return a file's text, its lines ended by one character; empty after a mistake."""
        path = self._inside(name, place)
        if path is None:
            return ""
        text = texts.read(self._shelf, path)
        if not isinstance(text, str):
            self._note(place, f"in the file {name!r}: {text.problem}", expected=text.expected)
            return ""
        if not text.strip():
            self._note(place, f"the file {name!r} is empty", expected="some text")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def values(self, name: str, place: Place) -> Any:
        """Return what a YAML or JSON file holds; None after a mistake, which names that file."""
        text = self.text(name, place)
        if place in self._refused:
            return None
        inner = trees.grow(self._shelf.shown(posixpath.join(self._folder, name)), text)
        if inner.mistakes:
            self._refused.add(place)
            self._tree.mistakes.extend(inner.mistakes)
            return None
        return inner.data

    def refuse(self, place: Place, expected: str, found: Any) -> None:
        """Note that a file holds something else than it should, unless it was not read at all."""
        if place not in self._refused:
            self._note(place, "the file holds something else", expected=expected, found=show(found))

    def _inside(self, name: str, place: Place) -> str | None:
        path = posixpath.join(self._folder, name)
        here = self._shelf.holds(path)
        if here:
            return path
        if here is None:
            problem = f"the file {name!r} lies outside the agent file's folder"
            self._note(place, problem, expected="a file in that folder or below it")
        else:
            hint = f"looked in {self._shelf.shown(self._folder)}"
            self._note(place, f"there is no file {name!r}", hint=hint)
        return None

    def _note(self, place: Place, problem: str, **words: str) -> None:
        self._refused.add(place)
        self._tree.note(place, problem, **words)
