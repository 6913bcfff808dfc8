"""The runner: drives one claimed run, turn by turn, until it ends or waits.

    begin    fold the journal; settle what a lost worker left open
    turn     hear signals → ask the program → judge its steps → commit the permission → perform
    end      Reply, Fail, cancel: the last entry and the run's state in one transaction
    rest     nothing can be done now (a person, a time, a pause): the run waits in the store only

The runs of conversations are driven a little differently: flow/talk.py.

Authority: the fence. A write that is refused with LeaseLost ends the drive at once and silently: another
worker has the run. A crash at any point leaves a journal from which `begin` goes on. The result of a
step is written together with the permission of the next (flow/journal.py): one commit a step.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from folkmoot.core import entries as e
from folkmoot.core import steps as st
from folkmoot.core.agent import ModelChoice
from folkmoot.core.changes import HoldSpend, Outbox, SettleSpend, Signal
from folkmoot.core.errors import BudgetSpent, FolkmootError
from folkmoot.core.pending import STARTED
from folkmoot.core.run import DEADLINE_PASSED, RunState
from folkmoot.core.spend import Hold
from folkmoot.core.task import ReplyTo
from folkmoot.core.verdict import Allow, AskPerson, Deny
from folkmoot.core.view import View
from folkmoot.flow import acts
from folkmoot.flow.gate import Gate
from folkmoot.flow.hearing import hear
from folkmoot.flow.journal import Journal
from folkmoot.flow.kit import Kit
from folkmoot.flow.parts import Parts
from folkmoot.flow.perform_model import ModelCaller, current
from folkmoot.flow.perform_tool import ToolCaller
from folkmoot.flow.rates import Rates
from folkmoot.flow.toolwork import ToolWork
from folkmoot.ports.policy import Case

_STAY_S = 2.0
"""Waits up to this long are sat out; for longer ones the run rests in the store."""


class Machine:
    """What all drives of one worker share."""

    def __init__(self, parts: Parts, worker: str) -> None:
        """`worker` names us in journals."""
        self.parts = parts
        self.worker = worker
        self.gate = Gate(parts.policies)
        self.rates = Rates(parts.store, parts.broker, parts.clock, parts.rates)
        self.models = ModelCaller(parts, self.rates)
        self.tools = ToolCaller(parts)


class Drive:
    """One run, being driven."""

    def __init__(
        self, machine: Machine, kit: Kit, journal: Journal, pending: Sequence[Signal] = ()
    ) -> None:
        """Nothing is done yet. `pending` are signals that came with the claim."""
        self.machine = machine
        self.kit = kit
        self.journal = journal
        self.pending = list(pending)
        self.told = False  # somebody said something: look for it
        self.at_work = False
        self.stopping = False
        self.interrupted = False
        self._toolwork = ToolWork(machine.gate, machine.tools, machine.parts.clock)

    @property
    def view(self) -> View:
        """Where the run stands."""
        return self.journal.view

    async def go(self) -> None:
        """Drive the run until it ends, waits, or is handed over."""
        await self._begin()
        while await self._turn():
            if self.stopping:
                await self.journal.move(None, RunState.QUEUED)
                return

    async def cancelled(self) -> None:
        """Go on after a perform was cut short by a cancel signal: close what was open, then hear."""
        settle_lost(self.journal, self.machine.worker)
        for pending in list(self.view.pending.values()):
            if pending.status == STARTED:
                self.journal.note(e.ToolDoubted(call=pending.call.id, name=pending.call.name))
        await self.go()

    async def _begin(self) -> None:
        view = self.view
        if view.head.seq == 1:  # it was born, and nothing else
            return
        if isinstance(view.ended, e.Failed) and view.ended.retry_ms is not None:
            self.journal.note(e.Reset(attempt=view.attempt + 1, reason=view.ended.code))
        settle_lost(self.journal, self.machine.worker)
        for pending in list(view.pending.values()):
            if pending.status == STARTED:
                outcome = await self.machine.tools.recover(self.kit, view, pending.call)
                if outcome is not None:
                    self.journal.note(outcome)
        if view.wake_at is not None and self._now() >= view.wake_at:
            self.journal.note(e.Woke())

    def _now(self) -> int:
        return self.machine.parts.clock.now()

    async def _turn(self) -> bool:
        """Do the next thing. Returns False when the drive is over."""
        journal, view = self.journal, self.view
        if (journal.signals > journal.heard or self.told or self.pending) and await self._hear():
            return False
        if view.paused:
            return await self._wait("resume")
        if view.fault is not None and not await self._waited():
            return False
        steps = self.kit.program(view, self.kit.agent)
        if not steps:
            return await self._rest()
        return await self._do[type(steps[0])](self, steps)

    async def _hear(self) -> bool:
        pending, self.pending, self.told = self.pending, [], False
        if not pending:
            await self.journal.commit()
            pending = await self.machine.parts.store.signals([self.journal.run.id])
            if not pending:
                self.journal.heard = self.journal.signals
        return await hear(self.journal, pending)

    async def _waited(self) -> bool:
        """Sit out a short wait before the next attempt; rest in the store for a long one."""
        return await self._until(self.view.retry_at, "model")

    async def _until(self, at: int, waits_for: str) -> bool:
        """Wait until a time (ms): sit a short wait out, rest in the store for a long one."""
        wait = at - self._now()
        if wait <= 0:
            return True
        if wait > _STAY_S * 1000:
            return await self._wait(waits_for, at)
        await self.journal.commit()
        self.at_work = True
        await self.machine.parts.clock.sleep(wait / 1000)
        self.at_work = False
        return True

    async def _rest(self) -> bool:
        view = self.view
        if not view.question and view.wake_at is None:
            name = self.kit.agent.program
            return await self._fail("PROGRAM_STUCK", f"The program {name!r} gave no step.")
        return await self._wait("message" if view.question else "time", view.wake_at)

    async def _wait(self, waits_for: str, wake_at: int | None = None) -> bool:
        """Let the run rest in the store, but not past its deadline."""
        deadline = self.journal.run.deadline
        if deadline is not None and self._now() >= deadline:
            message = f"The task's deadline passed while the run waited ({waits_for})."
            return await self._fail(DEADLINE_PASSED, message)
        await self.journal.move(None, RunState.WAITING, waits_for=waits_for, wake_at=wake_at)
        return False

    async def _note(self, steps: Sequence[st.Step]) -> bool:
        """Write down a step that is done by being written down."""
        match steps[0]:
            case st.Drop(upto=upto):
                self.journal.note(e.ContextDropped(upto=upto))
            case st.Reject(reason=reason):
                self.journal.note(e.ReplyRejected(reason=reason))
            case st.Ask(question=question, call=call):
                self.journal.note(e.Asked(question=question, call=call))
            case st.Sleep(seconds=seconds, call=call):
                until = self._now() + round(seconds * 1000)
                self.journal.note(e.Slept(until=until, call=call))
        return True

    async def _tools(self, steps: Sequence[st.Step]) -> bool:
        """Call tools side by side; when all that is left waits for people, wait with it."""
        calls = [step.call for step in steps if isinstance(step, st.CallTool)]
        work = await self._toolwork.judge(self.journal, self.kit, calls)
        if work.stop is not None:
            return await self._fail(work.stop.code, work.stop.reason)
        if work.cleared:
            await self.journal.commit(*work.starts)
            self.at_work = True
            await self._toolwork.perform(self.journal, self.kit, work.cleared)
            self.at_work = False
            return True
        if work.settled:
            return True
        return await self._wait("approval", self._first_expiry())

    def _first_expiry(self) -> int | None:
        times = [a.expires_at for a in self.view.approvals.values() if a.expires_at is not None]
        return min(times, default=None)

    async def _model(self, steps: Sequence[st.Step]) -> bool:
        """Hold the money, ask, settle."""
        step = steps[0]
        assert isinstance(step, st.CallModel)
        agent, journal = self.kit.agent, self.journal
        view = journal.view
        choice = current(agent, view)
        rates = self.machine.rates
        if rates.limits(lane := rates.lane(choice)) and (wait := await rates.admit(lane)):
            return await self._until(self._now() + wait, "rate")
        bill = acts.bill(step, agent, choice, self.machine.parts.price, view)
        called = await self._permitted(step, choice, bill)
        if isinstance(called, bool):
            return called
        self.at_work = True
        body = await self.machine.models.call(self.kit, view, step, choice, called.bound)
        self.at_work = False
        spent = body.nanos if isinstance(body, e.ModelReplied) else body.uncertain
        journal.note(body, *_settle(journal, called.holds, spent))
        return True

    async def _permitted(
        self, step: st.CallModel, choice: ModelChoice, bill: acts.Bill | None
    ) -> e.ModelCalled | bool:
        """Have a model call judged and its money held; what may not be made ends as `_refused` does."""
        journal, view, denied = self.journal, self.view, None
        while bill is not None:
            act = acts.for_model(step, choice, bill, view)
            verdict = await self.machine.gate.judge(Case(act, self.kit.agent, view, self._now()))
            if not isinstance(verdict, Allow):
                denied = verdict
                break
            called = e.ModelCalled(
                call=act.call,
                model=act.name,
                purpose=step.purpose,
                estimate=act.estimate,
                holds=verdict.holds,
                bound=bill.reply if bill.bound else 0,
            )
            try:
                await journal.commit(called, changes=_hold(journal, verdict.holds))
            except BudgetSpent as fault:
                denied, bill = Deny("budget", fault.message, fault.code), acts.within(bill, fault)
            else:
                return called
        assert denied is not None
        return await self._refused(act.call, str(act), denied)

    async def _refused(self, call: str, act: str, verdict: Deny | AskPerson) -> bool:
        code = verdict.code if isinstance(verdict, Deny) else "NEEDS_APPROVAL"
        body = e.StepDenied(
            call=call, act=act, policy=verdict.policy, reason=verdict.reason, code=code
        )
        self.journal.note(body)
        return await self._fail(code, verdict.reason)

    async def _reply(self, steps: Sequence[st.Step]) -> bool:
        """End well."""
        step, task = steps[0], self.view.task
        assert isinstance(step, st.Reply)
        to = task.reply_to if task is not None else None
        leaves = self.leaving(to, str(self.view.attempt), step.output)
        body = e.Succeeded(output=step.output, data=step.data)
        await self.journal.move(body, RunState.SUCCEEDED, *leaves, output=step.output)
        return False

    def leaving(self, to: ReplyTo | None, name: str, output: str) -> tuple[Outbox, ...]:
        """Return what leaves with a reply, if somebody waits for it; `name` is its own in the run."""
        if to is None:
            return ()
        run, topic = self.journal.run.id, f"reply:{to.gateway}:{to.address}"
        id_ = f"{run}/reply/{name}"
        return (Outbox(id=id_, run=run, topic=topic, body=output.encode(), at=self._now()),)

    async def _give_up(self, steps: Sequence[st.Step]) -> bool:
        """End as the program says."""
        step = steps[0]
        assert isinstance(step, st.Fail)
        return await self._fail(step.code, step.message, retry=step.retry)

    async def _fail(self, code: str, message: str, *, retry: bool = False) -> bool:
        """End the attempt; queue another one when the agent allows it and it may help."""
        policy, attempt = self.kit.agent.retry, self.view.attempt
        if retry and attempt < policy.attempts:
            delay = min(policy.delay_s * policy.factor ** (attempt - 1), policy.max_delay_s)
            body = e.Failed(code=code, message=message, retry_ms=round(delay * 1000))
            ready_at = self._now() + round(delay * 1000)
            await self.journal.move(
                body, RunState.QUEUED, ready_at=ready_at, error=f"{code}: {message}"
            )
            return False
        body = e.Failed(code=code, message=message)
        await self.journal.move(body, RunState.FAILED, error=f"{code}: {message}")
        return False

    async def broken(self, code: str, message: str) -> None:
        """End after a defect of ours or of the program."""
        settle_lost(self.journal, self.machine.worker)
        body = e.Failed(code=code, message=message)
        await self.journal.move(body, RunState.FAILED, error=f"{code}: {message}")

    _do: ClassVar[dict[type, Callable[["Drive", Sequence[st.Step]], Awaitable[bool]]]] = {
        st.CallTool: _tools,
        st.CallModel: _model,
        st.Reply: _reply,
        st.Fail: _give_up,
        st.Drop: _note,
        st.Reject: _note,
        st.Ask: _note,
        st.Sleep: _note,
    }


async def refuse(journal: Journal, worker: str, fault: FolkmootError) -> None:
    """End a run that cannot be driven here, and settle what a lost worker left open."""
    settle_lost(journal, worker)
    body = e.Refused(code=fault.code, message=str(fault))
    await journal.move(body, RunState.REFUSED, error=f"{fault.code}: {fault}")


def settle_lost(journal: Journal, worker: str) -> None:
    """Write down what nobody saw the end of; its money counts as spent."""
    view = journal.view
    lost = [p.call.id for p in view.pending.values() if p.status == STARTED]
    if view.model_call:
        lost.insert(0, view.model_call)
    if not lost:
        return
    settles = _settle(journal, view.holds, None)
    uncertain = max(view.estimate, 0) if view.model_call else 0
    body = e.Resumed(worker=worker, fence=journal.fence, lost=tuple(lost), uncertain=uncertain)
    journal.note(body, *settles)


def _hold(journal: Journal, holds: Sequence[Hold]) -> tuple[HoldSpend, ...]:
    run, fence = journal.run.id, journal.fence
    return tuple(
        [
            HoldSpend(run=run, fence=fence, scope=h.scope, amount=h.amount, limit=h.limit)
            for h in holds
        ]
    )


def _settle(journal: Journal, holds: Sequence[Hold], spent: int | None) -> tuple[SettleSpend, ...]:
    """Give back holds; `spent` None counts all that was held."""
    run, fence = journal.run.id, journal.fence
    return tuple(
        [
            SettleSpend(
                run=run,
                fence=fence,
                scope=hold.scope,
                held=hold.amount,
                spent=hold.amount if spent is None else spent,
            )
            for hold in holds
        ]
    )
