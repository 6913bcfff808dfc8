"""Results of a search: as many lines as there is room for, and how many more there are."""

_NOTES = 200


class Results:
    """Keeps at most `most` lines, together at most about `room` characters."""

    def __init__(self, most: int, room: int) -> None:
        self._lines: list[str] = []
        self._notes: list[str] = []
        self._most = most
        self._room = room - _NOTES
        self._more = 0

    def add(self, line: str) -> None:
        """Keep a line, or count it."""
        self._room -= len(line) + 1
        if len(self._lines) < self._most and self._room >= 0:
            self._lines.append(line)
        else:
            self._room = -1  # a short line must not slip in after a long one
            self._more += 1

    def note(self, text: str) -> None:
        """Add a remark; it stands at the end, in brackets."""
        self._notes.append(f"[{text}]")

    def text(self, nothing: str) -> str:
        """Return everything as one text, or `nothing`."""
        more = [f"[{self._more:,} more; narrow the search]"] if self._more else []
        return "\n".join([*(self._lines or [nothing]), *more, *self._notes])
