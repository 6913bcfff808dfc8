"""Upgrades, foreseen: what would stored runs do next if they had another definition?

Runs keep the definition that they began with (conversations: that of the message they work on), so nothing
of this happens to what is under way; it tells how far a
new definition is from the work that is under way. For each open run the journal is folded, both
programs are asked, and their next steps judged by the gate, as the runner does:

    journal ──fold──> view ──program, gate (old)──> next
                      view ──program, gate (new)──> next      the same? what differs?

Nothing is written, no model and no tool is called. What is only known when a step is done stays
unknown: shared budgets are held by the store, and words that a run has not heard yet are not heard here.
"""

from collections.abc import AsyncIterator, Sequence

import msgspec

from folkmoot.core import canonical
from folkmoot.core import entries as e
from folkmoot.core import steps as st
from folkmoot.core.agent import Agent
from folkmoot.core.errors import FolkmootError
from folkmoot.core.pending import ASKED
from folkmoot.core.run import Run, RunState
from folkmoot.core.verdict import Act, Allow, AskPerson, Deny, Verdict
from folkmoot.core.view import View, apply
from folkmoot.flow import acts
from folkmoot.flow.gate import Gate
from folkmoot.flow.kit import Kit, Kits
from folkmoot.flow.parts import Parts
from folkmoot.flow.perform_model import current
from folkmoot.ports.policy import Case
from folkmoot.ports.store import Query

_PAGE = 200
_OPEN = (RunState.QUEUED, RunState.RUNNING, RunState.WAITING)
_APART = frozenset({"name", "description", "labels", "triggers", "schedules"})
"""Fields of an agent that change nothing about a run that is there."""


class Difference(msgspec.Struct, frozen=True):
    """One thing that would differ: what, and how it stands under each definition."""

    what: str
    was: str
    now: str


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """An open run under another definition.

    `next`: what its very next steps would do differently. `later`: fields of the definition that
    differ, and may matter in steps after that. `fault`: why it cannot be foreseen.
    """

    run: Run
    next: tuple[Difference, ...] = ()
    later: tuple[Difference, ...] = ()
    fault: str = ""


async def foresee(parts: Parts, agents: Sequence[Agent]) -> AsyncIterator[Foreseen]:
    """Yield every open run of these agents whose definition is another one, newest first."""
    kits, gate = Kits(parts), Gate(parts.policies)
    for agent in agents:
        digest = agent.digest()
        async for run in _open_runs(parts, agent.name):
            if run.definition != digest:
                yield await _Looker(parts, kits, gate).look(run, agent, digest)


async def _open_runs(parts: Parts, agent: str) -> AsyncIterator[Run]:
    before = ""
    while True:
        query = Query(agent=agent, states=_OPEN, before=before, limit=_PAGE)
        runs = await parts.store.runs(query)
        for run in runs:
            yield run
        if len(runs) < _PAGE:
            return
        before = runs[-1].id


class _Looker:
    """Looks at one run."""

    def __init__(self, parts: Parts, kits: Kits, gate: Gate) -> None:
        self._parts, self._kits, self._gate = parts, kits, gate

    async def look(self, run: Run, agent: Agent, digest: str) -> Foreseen:
        try:
            view = await self._view(run)
            old = await self._kits.get(view.definition or run.definition)
            if old is None:
                return Foreseen(run=run, fault="The definition it works with is not in the store.")
            new = self._kits.make(agent, digest)
            was = await self._steps(old, view)
            now = await self._steps(new, await self._view(run))
        except FolkmootError as fault:
            return Foreseen(run=run, fault=fault.message)
        later = _fields(old.agent, new.agent)
        return Foreseen(run=run, next=tuple(_compare(was, now)), later=tuple(later))

    async def _view(self, run: Run) -> View:
        """Fold a run's journal; a failed attempt that is tried again begins anew, as the runner has it."""
        view, after = View(run.id), 0
        while part := await self._parts.store.entries(run.id, after):
            for entry in part:
                apply(view, entry)
            after = part[-1].seq
        if isinstance(view.ended, e.Failed) and view.ended.retry_ms is not None:
            body = e.Reset(attempt=view.attempt + 1, reason=view.ended.code)
            apply(view, e.write(view.head, run.id, self._parts.clock.now(), body), body)
        return view

    async def _steps(self, kit: Kit, view: View) -> list[dict[str, str]]:
        """Return each next step as what can be compared: name → words."""
        if view.talks and view.turn is None:
            return [{"step": "wait for a message"}]
        try:
            steps = kit.program(view, kit.agent)
        except Exception as fault:  # noqa: BLE001 - a program of others, asked about a strange view
            return [{"step": f"the program breaks: {type(fault).__name__}: {fault}"}]
        if not steps:
            return [{"step": "wait"}]
        return [await self._step(kit, view, step) for step in steps]

    async def _step(self, kit: Kit, view: View, step: st.Step) -> dict[str, str]:
        match step:
            case st.CallModel():
                return await self._model(kit, view, step)
            case st.CallTool():
                return await self._tool(kit, view, step)
        return _words(step)

    async def _model(self, kit: Kit, view: View, step: st.CallModel) -> dict[str, str]:
        choice = current(kit.agent, view)
        bill = acts.bill(step, kit.agent, choice, self._parts.price, view)
        act = acts.for_model(step, choice, bill, view)
        given = [canonical.digest([t.name, t.description, t.schema]) for t in kit.views]
        return {
            "step": f"call the model for a {step.purpose}",
            "model": str(choice),
            "model's settings": _short([choice.settings, choice.options, choice.base_url]),
            "instructions": _short(step.system),
            "messages shown": str(len(step.messages)),
            "tools shown": ", ".join(sorted(t.name for t in kit.views)) or "none",
            "tools' schemas": _short(sorted(given)),
            "gate": await self._judged(kit, view, act),
        }

    async def _tool(self, kit: Kit, view: View, step: st.CallTool) -> dict[str, str]:
        call = step.call
        tool = kit.tools.get(call.name)
        named = f"call the tool {call.name}"
        if tool is None:
            return {"step": named, "tool": "there is no such tool"}
        wrong = self._parts.mistakes(tool, call.args)
        if wrong:
            return {"step": named, "tool": f"refuses the arguments: {'; '.join(wrong)}"}
        act = acts.for_tool(call, tool, view.definition, kit.named[call.name])
        pending = view.pending.get(call.id)
        judged = await self._judged(kit, view, act)
        if pending is not None and pending.status == ASKED and judged == "allowed":
            judged = "allowed without asking"
        return {"step": named, "tool": f"of effect {tool.spec.effect}", "gate": judged}

    async def _judged(self, kit: Kit, view: View, act: Act) -> str:
        case = Case(act, kit.agent, view, self._parts.clock.now())
        return _verdict(await self._gate.judge(case))


def _words(step: st.Step) -> dict[str, str]:
    """Return a step that asks nobody outside."""
    match step:
        case st.Reply(output=output):
            said = {"step": "reply", "output": output}
        case st.Fail(code=code, message=message):
            said = {"step": f"fail with {code}", "message": message}
        case st.Reject(reason=reason):
            said = {"step": "send the reply back", "reason": reason}
        case st.Drop(upto=upto):
            said = {"step": f"show the model no longer its first {upto} messages"}
        case st.Ask(question=question):
            said = {"step": "ask a person", "question": question}
        case st.Sleep(seconds=seconds):
            said = {"step": f"sleep {seconds:g} s"}
        case _:
            said = {"step": type(step).__name__}
    return said


def _verdict(verdict: Verdict) -> str:
    match verdict:
        case Allow():
            return "allowed"
        case AskPerson(by=by, needs=needs, expires_s=expires_s):
            who = f" of {', '.join(by)}" if by else ""
            until = f" within {expires_s:g} s" if expires_s is not None else ""
            return f"needs {needs}{who}{until} to agree"
        case Deny(policy=policy, reason=reason, stop=stop):
            return f"{'ends the run' if stop else 'denied'} ({policy}): {reason}"


def _short(value: object) -> str:
    """Return what stands for something that is too long to show."""
    return canonical.digest(value)[:12]


def _compare(was: list[dict[str, str]], now: list[dict[str, str]]) -> list[Difference]:
    """Return where two lists of steps part."""
    steps = [", ".join(one["step"] for one in side) for side in (was, now)]
    if steps[0] != steps[1]:
        return [Difference("next step", *steps)]
    return [
        Difference(name, before[name], after[name])
        for before, after in zip(was, now, strict=True)
        for name in before
        if before[name] != after.get(name, before[name])
    ]


def _fields(was: Agent, now: Agent) -> list[Difference]:
    """Return the fields in which two definitions differ, without the long texts in them."""
    return [
        Difference(name, _field(getattr(was, name)), _field(getattr(now, name)))
        for name in was.__struct_fields__
        if name not in _APART and getattr(was, name) != getattr(now, name)
    ]


_LONGEST = 200


def _field(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({_short(value)})"
