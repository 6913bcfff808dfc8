"""Reading a shelf again and again: what has not changed is not read twice."""

from collections.abc import Callable

import msgspec

from folkmoot.agents.load import Ground, Loaded, take
from folkmoot.agents.shelf import Shelf

Due = Callable[[Loaded], bool]


def always(_: Loaded) -> bool:
    """Say that a file may be looked at."""
    return True


class Reader:
    """Keeps what came of each file of a shelf, with the stamps of what was read for it."""

    def __init__(self, shelf: Shelf, ground: Ground) -> None:
        """Nothing is read yet."""
        self._shelf, self._ground = shelf, ground
        self.last: dict[str, Loaded] = {}

    def read(self, due: Due = always, *, fresh: bool = False) -> tuple[Loaded, ...]:
        """Return every agent file, as it stands or, when it is not `due`, as it stood.

        `fresh` trusts no stamp. An agent that came out as before stays the same object. Raises
        SourceFault; then nothing has changed.
        """
        now: dict[str, Loaded] = {}
        for name in self._shelf.names():
            last = self.last.get(name)
            if last is None or (due(last) and (fresh or self._changed(last))):
                now[name] = self._same(last, take(self._shelf, name, self._ground))
            else:
                now[name] = last
        self.last = now
        return tuple(now.values())

    def _changed(self, loaded: Loaded) -> bool:
        return any(self._shelf.stamp(name) != stamp for name, stamp in loaded.stamps)

    def _same(self, last: Loaded | None, now: Loaded) -> Loaded:
        if last is None or last.agent is None or last.agent != now.agent:
            return now
        return msgspec.structs.replace(now, agent=last.agent)
