"""Which observers look at which kind of entry.

Most observers care about few kinds, and every entry of every run is shown: so they are asked once what
they care about, and an entry costs only the calls that somebody wants.
"""

from collections.abc import Sequence

from folkmoot.ports.observer import Observer


class Audience:
    """The observers of one flow. Whoever is added to `observers` later is seen from then on."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        """`observers` is looked at again when it has grown or shrunk."""
        self._observers = observers
        self._count = len(observers)
        self._known: dict[type, tuple[Observer, ...]] = {}

    def of(self, kind: type) -> tuple[Observer, ...]:
        """Return who looks at bodies of this type, in their order."""
        if len(self._observers) != self._count:
            self._count = len(self._observers)
            self._known.clear()
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = tuple(x for x in self._observers if _wants(x, kind))
        return known


def _wants(observer: Observer, kind: type) -> bool:
    kinds = getattr(observer, "kinds", None)
    return kinds is None or kind in kinds
