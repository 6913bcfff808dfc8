"""Nodes to plain values, and where each of them stood.

Aliases are written out here, so this is where a small file could grow without bound: the number of
values and of characters that come out is limited.
"""

from typing import Any, Final

import msgspec

from folkmoot.agents import nodes
from folkmoot.agents.mistakes import Mistake, Path, show, write
from folkmoot.agents.nodes import MAX_DEPTH, Node, Spot, Unreadable

MAX_VALUES: Final = 20_000
MAX_CHARS: Final = 4_194_304


class Tree(msgspec.Struct):
    """A file's values, the spot of every value and of every key, and the mistakes so far."""

    file: str
    data: Any = None
    values: dict[Path, Spot] = {}
    keys: dict[Path, Spot] = {}
    mistakes: list[Mistake] = []

    def spot(self, path: Path, *, key: bool = False) -> Spot:
        """Return where a value (or its key) stands; of what is missing, where its parent does."""
        places = self.keys if key else self.values
        while path and path not in places:
            path = path[:-1]
        return places.get(path) or self.values.get(path, Spot())

    def note(self, path: Path, problem: str, **words: str) -> None:
        """Add a mistake in a value; `words` are `expected`, `found` and `hint`."""
        self.put(self.spot(path), path, problem, **words)

    def note_key(self, path: Path, problem: str, **words: str) -> None:
        """Add a mistake in a key."""
        self.put(self.spot(path, key=True), path, problem, **words)

    def put(self, spot: Spot, path: Path, problem: str, **words: str) -> None:
        """Add a mistake at a spot."""
        self.mistakes.append(
            Mistake(
                file=self.file,
                line=spot.line,
                column=spot.column,
                field=write(path),
                problem=problem,
                **words,
            )
        )


def grow(file: str, text: str) -> Tree:
    """Return the tree of a text; what cannot be read is among its mistakes."""
    tree = Tree(file, mistakes=[])
    try:
        root = nodes.parse(text)
        if root is not None:
            tree.data = _Writer(tree).value(root, ())
    except Unreadable as fault:
        tree.put(fault.spot, (), fault.problem, hint=fault.hint)
    return tree


class _Writer:
    """Writes nodes out as values, counting what comes out."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._values = self._chars = 0

    def value(self, node: Node, path: Path) -> Any:
        """Return a node's value. Raises Unreadable when too much comes out."""
        self._tree.values[path] = node.spot
        self._count(node, path)
        if node.kind == "list":
            return [self.value(item, (*path, at)) for at, item in enumerate(node.items)]
        return self._mapping(node, path) if node.kind == "mapping" else node.value

    def _count(self, node: Node, path: Path) -> None:
        self._values += 1
        self._chars += len(node.value) if isinstance(node.value, str) else 0
        if self._values > MAX_VALUES or self._chars > MAX_CHARS or len(path) > MAX_DEPTH:
            raise Unreadable("the file holds too much once its aliases are written out", node.spot)

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in zip(node.items[::2], node.items[1::2], strict=True):
            name = _name(key)
            if name is None:
                found = show(key.value) if key.kind == "scalar" else f"a {key.kind}"
                self._tree.put(key.spot, path, "a key must be text", found=found)
            elif name in result:
                first = self._tree.keys[*path, name].line
                self._tree.put(key.spot, (*path, name), f"stands twice; first on line {first}")
            else:
                self._tree.keys[*path, name] = key.spot
                result[name] = self.value(value, (*path, name))
        return result


def _name(key: Node) -> str | None:
    """Return a key's name; numbers and booleans are not turned into text behind anyone's back."""
    return key.value if key.kind == "scalar" and isinstance(key.value, str) and key.value else None
