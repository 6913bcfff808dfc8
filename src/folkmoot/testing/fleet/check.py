"""The history check: is every task accounted for, nothing repeated, nothing doubled?

Each rule is a function from a history to flaws; RULES lists them all. Two of them tell what was repeated
without trusting any clock alone: a call that begins after its result was seen to be durable (by the order
of the witness's lines), or clearly after the time at which its result was written down (clocks that agree
do so within milliseconds; whoever takes a run over does it seconds later).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.run import Run, RunState
from folkmoot.testing.fleet.history import Ended, History, ends
from folkmoot.testing.fleet.plugin import TURNS
from folkmoot.testing.fleet.witness import Line

_AGREED_MS = 250


class Flaw(msgspec.Struct, frozen=True):
    """A promise that was not kept: `lost`, `repeated`, `doubled`, `broken` or `unsettled`."""

    kind: str
    run: str
    text: str


class Found(msgspec.Struct, kw_only=True):
    """What a check found.

    `again` are calls that were rightly made a second time, `moved` runs that went on with another worker
    in the middle of a call, `in_doubt` calls of class once that were reported so.
    """

    flaws: list[Flaw]
    runs: int
    entries: int
    again: int
    moved: int
    in_doubt: int

    def count(self, kind: str) -> int:
        """Return how many flaws of a kind there are."""
        return sum(flaw.kind == kind for flaw in self.flaws)


def check(history: History) -> Found:
    """Hold a history against all rules."""
    begins = Counter(line.effect for line in history.lines if line.what == "begin")
    bodies = [entry.read() for journal in history.journals.values() for entry in journal]
    return Found(
        flaws=[flaw for rule in RULES for flaw in rule(history)],
        runs=len(history.runs),
        entries=len(bodies),
        again=sum(n - 1 for n in begins.values()),
        moved=sum(isinstance(body, e.Resumed) for body in bodies),
        in_doubt=sum(isinstance(body, e.ToolDoubted) for body in bodies),
    )


def keys(history: History) -> Iterator[Flaw]:
    """Every key has one run, the one that its caller was told of, and no run is nobody's."""
    made: defaultdict[str, list[str]] = defaultdict(list)
    for run in history.runs:
        made[history.key(run.id)].append(run.id)
    for key, told in history.taken.items():
        found = made.pop(key, [])
        if not found:
            yield Flaw("lost", told, f"the task {key} has no run")
        elif len(found) > 1:
            yield Flaw("doubled", told, f"the task {key} has {len(found)} runs")
        elif found != [told]:
            yield Flaw("lost", told, f"the task {key} has the run {found[0]} instead")
    for key, found in made.items():
        for one in found:
            yield Flaw("doubled", one, f"nobody asked for this run (key {key!r})")


def states(history: History) -> Iterator[Flaw]:
    """Every run has succeeded, or waits for a person where it must; the store's own count agrees."""
    for run in history.runs:
        waits = history.key(run.id) in history.waits
        wanted = RunState.WAITING if waits else RunState.SUCCEEDED
        if run.state is not wanted:
            yield Flaw("lost", run.id, f"it is {run.state} and not {wanted} ({run.error})")
        elif waits and run.waits_for != "approval":
            yield Flaw("lost", run.id, f"it waits for {run.waits_for!r}")
    counted = Counter(str(run.state) for run in history.runs)
    if counted != Counter(history.counts):
        yield Flaw("broken", "", f"the store counts {history.counts}, there are {dict(counted)}")


def chains(history: History) -> Iterator[Flaw]:
    """Every chain verifies."""
    for broken in history.broken:
        yield Flaw("broken", broken.run, f"entry {broken.seq}: {broken.reason}")


def durable(history: History) -> Iterator[Flaw]:
    """What a worker was told is durable is in the journal, by one worker under one fence."""
    writers: dict[tuple[str, int], Line] = {}
    for line in _entries(history):
        first = writers.setdefault((line.run, line.seq), line)
        if (first.fence, first.pid) != (line.fence, line.pid):
            yield Flaw("broken", line.run, f"entry {line.seq} was written by two")
    for (run, seq), line in writers.items():
        journal = history.journals.get(run, [])
        if seq > len(journal) or journal[seq - 1].kind != line.kind:
            yield Flaw("lost", run, f"entry {seq} ({line.kind}) was durable and is not there")


def fences(history: History) -> Iterator[Flaw]:
    """A run's fence only grows: over its entries, over its workers, up to what the store says now."""
    seen: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in _entries(history):
        seen[line.run].append((line.seq, line.fence))
    for run in history.runs:
        by_entry = [fence for _, fence in sorted(seen[run.id])]
        bodies = (entry.read() for entry in history.journals.get(run.id, []))
        resumed = [body.fence for body in bodies if isinstance(body, e.Resumed)]
        if by_entry != sorted(by_entry) or resumed != sorted(set(resumed)):
            yield Flaw("broken", run.id, f"its fence went back: {by_entry}, {resumed}")
        elif max([*by_entry, *resumed], default=0) > run.fence:
            yield Flaw("broken", run.id, f"its fence is {run.fence} and was greater")


def repeats(history: History) -> Iterator[Flaw]:
    """No call begins after its result was journaled."""
    ended = {x.effect: (run, x) for run, x in _ended(history)}
    durable_at = {
        (line.run, line.seq): nr for nr, line in enumerate(history.lines) if line.what == "entry"
    }
    for nr, line in enumerate(history.lines):
        if line.what != "begin" or line.effect not in ended:
            continue
        run, end = ended[line.effect]
        if nr > durable_at.get((run, end.seq), len(history.lines)) or line.at > end.at + _AGREED_MS:
            yield Flaw("repeated", run, f"{line.effect} began again after entry {end.seq}")


def steps(history: History) -> Iterator[Flaw]:
    """No step was made twice, not even as another call with another effect id."""
    most = Counter(dict.fromkeys((name for turn in TURNS for name in turn), 1))
    most["model"] = len(TURNS) + 1
    for run, journal in history.journals.items():
        made = Counter(end.name for end in ends(run, journal))
        for name, times in made.items():
            if times > most[name]:
                yield Flaw("repeated", run, f"{name} has {times} results")


def doubles(history: History) -> Iterator[Flaw]:
    """No effect of class once happens twice, not even under another effect id."""
    for what in ("begin", "act"):
        once = Counter(
            (line.run, line.key, line.name)
            for line in history.lines
            if line.what == what and line.kind == "once"
        )
        for (run, key, name), times in once.items():
            if times > 1:
                yield Flaw("doubled", run, f"{name} of {key}: {times} times {what}")


def doubts(history: History) -> Iterator[Flaw]:
    """What began has an end in the journal (or is in doubt), and what has a result did happen."""
    ended = {x.effect: x for _, x in _ended(history)}
    acted = {line.effect for line in history.lines if line.what == "act"}
    over = {run.id for run in history.runs if run.state.final}
    for line in history.lines:
        if line.what == "begin" and line.kind == "once" and line.run in over:
            end = ended.get(line.effect)
            if end is None:
                yield Flaw(
                    "lost", line.run, f"{line.effect} began, and the journal has no end of it"
                )
    for run, end in _ended(history):
        if not (end.doubted or end.error or end.effect in acted):
            yield Flaw("lost", run, f"{end.effect} has a result and never happened")


def money(history: History) -> Iterator[Flaw]:
    """Nothing is held any more, and the budgets have counted what the runs have spent."""
    spent: Counter[tuple[str, int]] = Counter()
    for scope, (amount, held) in history.budgets.items():
        if held:
            yield Flaw("unsettled", "", f"{scope}: {held} nanos are still held")
        agent, _, window = scope.removeprefix("agent:").partition("/")
        spent[agent, len(window)] += amount
    used: Counter[str] = Counter()
    for run in history.runs:
        used[run.agent] += _spent(run)
    for (agent, size), amount in spent.items():
        if amount != used[agent]:
            text = f"{agent} ({size}): the budget says {amount}, the runs say {used[agent]}"
            yield Flaw("unsettled", "", text)


def _spent(run: Run) -> int:
    return run.spend.nanos + run.spend.uncertain


def _entries(history: History) -> Iterator[Line]:
    return (line for line in history.lines if line.what == "entry")


def _ended(history: History) -> Iterator[tuple[str, Ended]]:
    for run, journal in history.journals.items():
        for end in ends(run, journal):
            yield run, end


Rule = Callable[[History], Iterator[Flaw]]
RULES: tuple[Rule, ...] = (
    keys, states, chains, durable, fences, repeats, steps, doubles, doubts, money
)  # fmt: skip
