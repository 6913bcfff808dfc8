"""Metrics: counters folded from entries, gauges (gauges.py) set from the store.

Everything lives in a registry of its own: two systems in one process do not share numbers. What is
counted is what this process saw become durable; a run that moves to another worker is counted
there from then on, so sums over all workers are right.

Danger: every label value costs memory for ever, here and in whoever scrapes. Names that come from
outside (agents, models, tools, codes) are capped; the rest of them share the value `other`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from folkmoot.core import entries as e
from folkmoot.core.entries import Body, Entry
from folkmoot.core.run import Run
from folkmoot.core.spend import NANOS_PER_USD
from folkmoot.telemetry.gather import MOST, Cap, Count, Flush, Replies, Sums, Timer
from folkmoot.telemetry.gauges import Gauges

_PATIENCE_S = 2.0
_RUN_SECONDS = (
    0.01,
    0.05,
    0.1,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
    600,
    1800,
    3600,
    14400,
    86400,
)
_CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class StoreTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What a store has done since it was opened: commits, and the change sets that shared them."""

    commits: int = 0
    sets: int = 0


class _Totals(Collector):
    """Reads the store's own totals when somebody scrapes."""

    def __init__(self, read: Callable[[], StoreTotals]) -> None:
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily]:
        totals = self._read()
        yield CounterMetricFamily(
            "folkmoot_store_commits", "Commits of the store.", value=totals.commits
        )
        yield CounterMetricFamily(
            "folkmoot_store_sets", "Change sets written, many to a commit.", value=totals.sets
        )


class _Mirrored(Collector):
    """Tells of the mirror in Redis, when somebody scrapes."""

    def __init__(self, read: Callable[[], tuple[bool, int]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        up, dropped = self._read()
        yield GaugeMetricFamily(
            "folkmoot_hotstate_up", "1 while Redis takes live state, 0 in an outage.", value=up
        )
        yield CounterMetricFamily(
            "folkmoot_hotstate_dropped", "Entries that the mirror passed over.", value=dropped
        )


class _Plain(Collector):
    """Leaves out the `_created` time of each counter: half of the page, read by nobody."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family


class Metrics:
    """Counts entries. `agents` get a label value of their own; the others share `other`."""

    def __init__(self, agents: int = 50, store: Callable[[], StoreTotals] | None = None) -> None:
        """Make the registry; `store` reads the store's totals, where it keeps them."""
        self.registry = CollectorRegistry(auto_describe=True)
        self._replies = Replies(self._replied)
        self._gathered: list[Count | Timer | Replies] = [self._replies]
        self.registry.register(Flush(self._gathered))
        ProcessCollector(registry=self.registry)
        if store is not None:
            self.registry.register(_Totals(store))
        self._make_run_metrics(Cap(agents))
        self._make_call_metrics(Cap(agents))
        self.gauges = Gauges(self.registry)
        self._handlers: dict[type, Callable[..., None]] = {
            e.Created: self._created,
            e.Reset: self._reset,
            e.Resumed: self._resumed,
            e.ModelReplied: self._model_replied,
            e.ModelFailed: self._model_failed,
            e.ToolReturned: self._tool_returned,
            e.ToolDoubted: self._tool_doubted,
            e.StepDenied: self._denied,
            e.StepAsked: self._asked,
            e.StepVoted: self._voted,
            e.ApprovalExpired: self._expired,
            e.MessageAnswered: self._answered,
            e.Succeeded: self._ended,
            e.Failed: self._failed,
            e.Cancelled: self._ended,
            e.Refused: self._ended,
        }
        self.kinds = frozenset(self._handlers)

    def _make_run_metrics(self, agents: Cap) -> None:
        self._tasks = self._counter("folkmoot_tasks_total", "Tasks that became runs.", agent=agents)
        self._runs = self._counter(
            "folkmoot_runs_total", "Runs that ended, by final state.", agent=agents, state=Cap(10)
        )
        self._answers = self._counter(
            "folkmoot_answers_total",
            "Messages of conversations that were answered, or given up.",
            agent=agents,
            outcome=Cap(2),
        )
        self._run_seconds = self._timer(
            "folkmoot_run_seconds", "From the task to its end.", _RUN_SECONDS, agent=agents
        )
        self._attempts = self._counter(
            "folkmoot_retries_total", "New attempts after a failure.", agent=agents
        )
        self._events = self._counter(
            "folkmoot_events_total",
            "Events for our subscriptions, by what became of them.",
            outcome=Cap(10),
        )
        self._rescues = self._counter(
            "folkmoot_resumes_total", "Runs taken over from a lost worker.", agent=agents
        )
        self._verdicts = self._counter(
            "folkmoot_gate_verdicts_total",
            "What the gate and the people it asked said, other than a plain yes.",
            policy=Cap(MOST),
            verdict=Cap(10),
        )

    def _make_call_metrics(self, agents: Cap) -> None:
        names = {"provider": Cap(MOST), "model": Cap(MOST)}
        tools = Cap(MOST)
        self._model_calls = self._counter(
            "folkmoot_model_calls_total", "Model calls that ended.", **names, outcome=Cap(MOST)
        )
        self._model_seconds = self._timer(
            "folkmoot_model_seconds", "Model calls that gave a reply.", _CALL_SECONDS, **names
        )
        self._tokens = self._counter(
            "folkmoot_tokens_total", "Tokens, as the provider counts.", **names, direction=Cap(2)
        )
        self._cached = self._counter(
            "folkmoot_cached_tokens_total",
            "Input tokens read from or written to the provider's cache.",
            **names,
            direction=Cap(2),
        )
        self._cost = self._counter(
            "folkmoot_cost_usd_total", "Dollars by our price table.", agent=agents, **names
        )
        self._uncertain = self._counter(
            "folkmoot_uncertain_usd_total",
            "Dollars that calls may have cost whose end nobody saw.",
            agent=agents,
        )
        self._tool_calls = self._counter(
            "folkmoot_tool_calls_total", "Tool calls that ended.", tool=tools, outcome=Cap(10)
        )
        self._tool_seconds = self._timer(
            "folkmoot_tool_seconds", "Tool calls that ended.", _CALL_SECONDS, tool=tools
        )
        self._in_doubt = Counter(
            "folkmoot_in_doubt_total",
            "Calls that began, whose end nobody saw, and that were not repeated.",
            registry=self.registry,
        )

    def _counter(self, name: str, about: str, **labels: Cap) -> Count:
        made = Count(Counter(name, about, list(labels), registry=self.registry), *labels.values())
        self._gathered.append(made)
        return made

    def _timer(self, name: str, about: str, buckets: tuple[float, ...], **labels: Cap) -> Timer:
        inner = Histogram(name, about, list(labels), buckets=buckets, registry=self.registry)
        made = Timer(inner, *labels.values())
        self._gathered.append(made)
        return made

    def mirrored(self, read: Callable[[], tuple[bool, int]]) -> None:
        """Tell of the mirror, too: whether it is up, and what it dropped."""
        self.registry.register(_Mirrored(read))

    def event(self, outcome: str) -> None:
        """Count what became of an event."""
        self._events.add(outcome)

    def page(self) -> bytes:
        """Return the exposition text (Prometheus text format 0.0.4, UTF-8)."""
        return generate_latest(_Plain(self.registry))

    async def gathered(self, ask: Callable[[Gauges], Awaitable[None]]) -> bytes:
        """Return the page, with the gauges as `ask` sets them; without an answer, as they were."""
        asking = asyncio.ensure_future(ask(self.gauges))
        try:
            await asyncio.wait({asking}, timeout=_PATIENCE_S)
            up = asking.done() and not asking.cancelled() and not asking.exception()
        finally:
            asking.cancel()  # and not waited for: what hangs may hang at that, too
            asking.add_done_callback(lambda late: late.cancelled() or late.exception())
        self.gauges.answers(up=up)
        return self.page()

    def __call__(self, run: Run, entry: Entry, body: Body) -> None:
        """Count one entry."""
        handler = self._handlers.get(type(body))
        if handler is not None:
            handler(run, entry, body)

    def _created(self, run: Run, _: Entry, __: e.Created) -> None:
        self._tasks.add(run.agent)

    def _reset(self, run: Run, _: Entry, __: e.Reset) -> None:
        self._attempts.add(run.agent)

    def _resumed(self, run: Run, _: Entry, body: e.Resumed) -> None:
        self._rescues.add(run.agent)
        self._doubt(run, body.uncertain)

    def _doubt(self, run: Run, nanos: int) -> None:
        if nanos:
            self._uncertain.add(run.agent, amount=nanos / NANOS_PER_USD)

    def _model_replied(self, run: Run, _: Entry, body: e.ModelReplied) -> None:
        self._replies.add(run.agent, body)

    def _replied(self, agent: str, name: str, sums: Sums) -> None:
        provider, model = split_model(name)
        self._model_calls.add(provider, model, "ok", amount=sums.calls)
        for ms, times in sums.ms.items():
            self._model_seconds.observe(provider, model, ms=ms, times=times)
        self._tokens.add(provider, model, "input", amount=sums.input)
        self._tokens.add(provider, model, "output", amount=sums.output)
        if sums.read:
            self._cached.add(provider, model, "read", amount=sums.read)
        if sums.write:
            self._cached.add(provider, model, "write", amount=sums.write)
        if sums.nanos:
            self._cost.add(agent, provider, model, amount=sums.nanos / NANOS_PER_USD)

    def _model_failed(self, run: Run, _: Entry, body: e.ModelFailed) -> None:
        self._model_calls.add(*split_model(body.model), body.code)
        self._doubt(run, body.uncertain)

    def _tool_returned(self, _: Run, __: Entry, body: e.ToolReturned) -> None:
        # A name that no tool has comes from the model: it may invent a new one every time.
        tool = "unknown" if body.error == "TOOL_NOT_FOUND" else body.name
        self._tool_calls.add(tool, "failed" if body.error else "ok")
        self._tool_seconds.observe(tool, ms=body.ms)

    def _tool_doubted(self, _: Run, __: Entry, body: e.ToolDoubted) -> None:
        self._tool_calls.add(body.name, "in_doubt")
        self._in_doubt.inc()

    def _denied(self, _: Run, __: Entry, body: e.StepDenied) -> None:
        self._verdicts.add(body.policy, "denied")

    def _asked(self, _: Run, __: Entry, body: e.StepAsked) -> None:
        self._verdicts.add(body.policy, "asked")

    def _voted(self, _: Run, __: Entry, body: e.StepVoted) -> None:
        self._verdicts.add("person", "approved" if body.approve else "denied")

    def _expired(self, _: Run, __: Entry, ___: e.ApprovalExpired) -> None:
        self._verdicts.add("person", "expired")

    def _answered(self, run: Run, _: Entry, body: e.MessageAnswered) -> None:
        self._answers.add(run.agent, "failed" if body.error else "ok")

    def _failed(self, run: Run, entry: Entry, body: e.Failed) -> None:
        if body.retry_ms is None:  # otherwise another attempt follows: the run has not ended
            self._ended(run, entry, body)

    def _ended(self, run: Run, entry: Entry, _: Body) -> None:
        self._runs.add(run.agent, entry.kind.removeprefix("run."))
        self._run_seconds.observe(run.agent, ms=max(entry.at - run.created_at, 0))


def split_model(name: str) -> tuple[str, str]:
    """Return provider and model of `provider:model`; a name without a provider has an empty one."""
    provider, colon, model = name.partition(":")
    return (provider, model) if colon else ("", name)
