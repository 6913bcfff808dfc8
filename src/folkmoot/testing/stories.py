"""Runs as they can really happen, made up entry by entry: a hypothesis strategy for folds over journals.

    @given(stories())
    def test_my_fold(teller):
        for entry, body in zip(teller.journal, teller.bodies, strict=True): ...

The teller keeps its own small account of what is open, so that what it tells is always possible; the
account is also what a fold can be held against.
"""

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import strategies as st

from folkmoot.core import entries as e
from folkmoot.core.entries import Entry, Head, write
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Spend, Usage
from folkmoot.core.task import Task

Draw = Callable[[st.SearchStrategy[Any]], Any]
_NEEDS = 2


class Teller:
    """Tells one run: `journal` and `bodies`.

    The account, for the attempt that is told now: `open` calls without a result, `closed` ones in the
    order of their results, `approvals`: open questions by the call they are about, `said`: all words
    to the model in order, `messages`: how many the transcript has, `model`: the open model call,
    `ended`: the end. `spend` and `attempt` count over the whole run.
    """

    def __init__(self, draw: Draw) -> None:
        """Begin a run; `draw` makes the choices."""
        self.draw = draw
        self.bodies: list[e.Body] = []
        self.head = Head()
        self.journal: list[Entry] = []
        self.spend = Spend()
        self.attempt = 1
        self.names = 0
        self._add(e.Created(task=Task(agent="a", input="task"), definition="d"))
        self._begin()

    def _begin(self) -> None:
        self.open: dict[str, ToolCall] = {}
        self.closed: list[str] = []
        self.approvals: dict[str, str] = {}
        self._yes: dict[str, set[str]] = {}
        self._begun: set[str] = set()
        self.said = ["task"]
        self.messages = 1
        self.model = ""
        self.ended: e.Body | None = None

    def _add(self, body: e.Body) -> None:
        entry = write(self.head, "run_1", 1000 + len(self.journal), body)
        self.head = Head(entry.seq, entry.hash)
        self.journal.append(entry)
        self.bodies.append(body)

    def _name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def tell(self, steps: int) -> None:
        """Let at most so many things happen."""
        for _ in range(steps):
            acts = self._possible()
            if not acts:
                return
            self.draw(st.sampled_from(acts))()

    def _possible(self) -> list[Callable[[], None]]:
        if isinstance(self.ended, e.Failed):
            return [self._reset]
        if self.ended is not None:
            return []
        if self.model:
            return [self._replied, self._replied, self._failed_call, self._lost]
        anytime = [self._message, self._paused, self._ignored]
        if self.open:
            if self._free():
                anytime += [self._started, self._returned, self._returned, self._doubted]
            if set(self._free()) - self._begun:
                anytime.append(self._asked)
            if self.approvals:
                anytime += [self._voted, self._voted, self._expired]
            return [*anytime, self._denied]
        return [*anytime, self._called, self._called, self._dropped, self._asked_person, self._ends]

    def _free(self) -> list[str]:
        """Return the open calls that wait for nobody."""
        return sorted(set(self.open) - set(self.approvals.values()))

    def _one_of(self, names: Iterable[str]) -> str:
        return str(self.draw(st.sampled_from(sorted(names))))

    def _answered(self, call: str) -> None:
        """Note that a call has its result."""
        self.open.pop(call)
        self.closed.append(call)
        self.messages += 1
        self.approvals = {a: of for a, of in self.approvals.items() if of != call}

    def _called(self) -> None:
        self.model = self._name("m")
        self._add(e.ModelCalled(call=self.model, model="p:m", estimate=3))

    def _replied(self) -> None:
        usage, nanos = Usage(self.draw(st.integers(0, 9)), 2), self.draw(st.integers(0, 9))
        self.spend += Spend(usage.input, usage.output, nanos, 0, 1)
        purpose = self.draw(st.sampled_from(["reply", "reply", "reply", "summary"]))
        if purpose == "summary":
            upto = self.draw(st.integers(1, self.messages))
            given = {"text": "sum", "upto": upto, "purpose": purpose}
        else:
            calls = [ToolCall(self._name("c"), "t") for _ in range(self.draw(st.integers(0, 3)))]
            self.open = {call.id: call for call in calls}
            self.messages += 1
            given = {"text": "answer", "calls": tuple(calls)}
        self._add(e.ModelReplied(call=self.model, model="p:m", usage=usage, nanos=nanos, **given))
        self.model = ""

    def _failed_call(self) -> None:
        self.spend += Spend(uncertain=4, model_calls=1)
        more = self.draw(st.sampled_from([{"retry_ms": 5}, {"next": "p:n"}, {}]))
        self._add(e.ModelFailed(call=self.model, model="p:m", code="X", uncertain=4, **more))
        self.model = ""

    def _lost(self) -> None:
        self.spend += Spend(uncertain=3)
        self._add(e.Resumed(worker="w", fence=2, lost=(self.model,), uncertain=3))
        self.model = ""

    def _started(self) -> None:
        call = self._one_of(self._free())
        self._begun.add(call)
        self._add(e.ToolStarted(call=call, name="t", effect="once"))

    def _returned(self) -> None:
        call = self._one_of(self._free())
        self.spend += Spend(tool_calls=1)
        self._add(e.ToolReturned(call=call, name="t", text=f"got {call}"))
        self._answered(call)

    def _doubted(self) -> None:
        call = self._one_of(self._free())
        self.spend += Spend(tool_calls=1)
        self._add(e.ToolDoubted(call=call, name="t"))
        self._answered(call)

    def _denied(self) -> None:
        call = self._one_of(self.open)
        self._add(e.StepDenied(call=call, act="t", policy="p", reason="no"))
        self._answered(call)

    def _asked(self) -> None:
        call, approval = self._one_of(set(self._free()) - self._begun), self._name("a")
        self.approvals[approval] = call
        self._yes[approval] = set()
        why = {"act": "t", "digest": "d", "policy": "p", "reason": "r"}
        self._add(e.StepAsked(call=call, approval=approval, needs=_NEEDS, **why))  # type: ignore[arg-type]

    def _voted(self) -> None:
        approval, by = self._one_of(self.approvals), self._one_of(["ann", "bob"])
        yes = self.draw(st.booleans())
        self._add(e.StepVoted(approval=approval, by=by, approve=yes))
        if yes:
            self._yes[approval].add(by)
            if len(self._yes[approval]) == _NEEDS:
                del self.approvals[approval]
        else:
            self._answered(self.approvals[approval])

    def _expired(self) -> None:
        approval = self._one_of(self.approvals)
        self._add(e.ApprovalExpired(approval=approval))
        self._answered(self.approvals[approval])

    def _message(self) -> None:
        text = self._name("word")
        self.said.append(text)
        self.messages += not self.open
        self._add(e.MessageAdded(text=text, by="ann"))

    def _ignored(self) -> None:
        """What came too late or twice: it is in the journal, and changes nothing."""
        late = self._one_of([*self.closed, "nobody"])
        bodies = [
            e.ToolReturned(call=late, name="t", text="again"),
            e.ToolDoubted(call=late, name="t"),
            e.ToolStarted(call=late, name="t", effect="once"),
            e.StepDenied(call=late, act="t", policy="p", reason="late"),
            e.StepVoted(approval="a0", by="ann", approve=True),
            e.ApprovalExpired(approval="a0"),
        ]
        self._add(self.draw(st.sampled_from(bodies)))

    def _paused(self) -> None:
        self._add(
            self.draw(st.sampled_from([e.Paused(), e.Continued(), e.Slept(until=5), e.Woke()]))
        )

    def _dropped(self) -> None:
        self._add(e.ContextDropped(upto=self.draw(st.integers(1, self.messages))))

    def _asked_person(self) -> None:
        self._add(e.Asked(question="which?"))

    def _ends(self) -> None:
        ends = [
            e.Succeeded(output="done", data={"a": [1]}),
            e.Failed(code="X", message="m", retry_ms=5),
            e.Cancelled(by="ann"),
        ]
        self.ended = self.draw(st.sampled_from(ends))
        self._add(self.ended)

    def _reset(self) -> None:
        self.attempt += 1
        self._add(e.Reset(attempt=self.attempt, reason="X"))
        self._begin()


@st.composite
def stories(draw: Draw) -> Teller:
    """Draw a teller that has told a run."""
    teller = Teller(draw)
    teller.tell(draw(st.integers(0, 40)))
    return teller
