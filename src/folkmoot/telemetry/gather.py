"""What metrics gather between two readings: plain sums, told to the registry when somebody reads.

The library's own counters cost a microsecond a time, and a run counts some twenty times. Danger: what
is gathered by name must not pile up when nobody reads, so everything here is told once it is many.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.registry import Collector

from folkmoot.core import entries as e

OTHER = "other"
MOST = 200
"""So many names, or different times, are gathered at most."""


class Cap:
    """Lets the first names keep their own; whoever comes later is `other`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return the name, or `other`."""
        known = self._seen.get(name)
        if known is not None:
            return known
        if len(self._seen) >= self._limit:
            return OTHER
        return self._seen.setdefault(name, name)


class Count:
    """A counter with labels, which counts in a plain dict."""

    def __init__(self, counter: Counter, *caps: Cap) -> None:
        self._counter = counter
        self._caps = caps
        self._fresh: dict[tuple[str, ...], float] = {}

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count."""
        self._fresh[labels] = self._fresh.get(labels, 0) + amount
        if len(self._fresh) > MOST:  # names past the cap must not pile up here
            self.flush()

    def flush(self) -> None:
        """Tell what was gathered."""
        fresh, self._fresh = self._fresh, {}
        for labels, amount in fresh.items():
            self._counter.labels(*_capped(self._caps, labels)).inc(amount)


class Timer:
    """A histogram with labels, which gathers like a counter."""

    def __init__(self, histogram: Histogram, *caps: Cap) -> None:
        self._histogram = histogram
        self._caps = caps
        self._fresh: dict[tuple[tuple[str, ...], int], int] = {}

    def observe(self, *labels: str, ms: int, times: int = 1) -> None:
        """Note how long something took, so many times."""
        seen = (labels, ms)
        self._fresh[seen] = self._fresh.get(seen, 0) + times
        if len(self._fresh) > MOST:
            self.flush()

    def flush(self) -> None:
        """Tell what was gathered."""
        fresh, self._fresh = self._fresh, {}
        for (labels, ms), times in fresh.items():
            child = self._histogram.labels(*_capped(self._caps, labels))
            for _ in range(times):
                child.observe(ms / 1000)


class Sums:
    """What replies of one agent's one model add up to."""

    __slots__ = ("calls", "input", "ms", "nanos", "output", "read", "write")

    def __init__(self) -> None:
        self.calls = self.input = self.output = self.read = self.write = self.nanos = 0
        self.ms: dict[int, int] = {}


class Replies:
    """Adds replies up by agent and model: each counts in up to seven metrics, told when read."""

    def __init__(self, tell: Callable[[str, str, Sums], None]) -> None:
        self._tell = tell
        self._fresh: dict[tuple[str, str], Sums] = {}

    def add(self, agent: str, body: e.ModelReplied) -> None:
        """Add one reply of an agent's model."""
        seen, usage = (agent, body.model), body.usage
        sums = self._fresh.get(seen)
        if sums is None:
            sums = self._fresh[seen] = Sums()
        sums.calls += 1
        sums.input += usage.input
        sums.output += usage.output
        sums.read += usage.cache_read
        sums.write += usage.cache_write
        sums.nanos += body.nanos
        sums.ms[body.ms] = sums.ms.get(body.ms, 0) + 1
        if len(sums.ms) > MOST or len(self._fresh) > MOST:
            self.flush()

    def flush(self) -> None:
        """Tell what was gathered."""
        fresh, self._fresh = self._fresh, {}
        for (agent, model), sums in fresh.items():
            self._tell(agent, model, sums)


class Flush(Collector):
    """Stands first in the registry: whoever reads it reads what was counted up to now."""

    def __init__(self, gathered: Sequence[Count | Timer | Replies]) -> None:
        self._gathered = gathered

    def collect(self) -> Iterable[Metric]:
        """Give nothing of its own."""
        for one in self._gathered:
            one.flush()
        return ()


def _capped(caps: tuple[Cap, ...], labels: tuple[str, ...]) -> Iterator[str]:
    return (cap(label) for cap, label in zip(caps, labels, strict=True))
