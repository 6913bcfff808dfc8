"""The tool calls of one turn: check and judge each on its own, then do the cleared ones side by side.

Each result is durable as soon as its call ends, but for the last one: that one is written together
with the next step's permission.
"""

import asyncio

import msgspec

from folkmoot.core import entries as e
from folkmoot.core.messages import ToolCall
from folkmoot.core.pending import APPROVED, ASKED, OPEN, Pending
from folkmoot.core.verdict import Act, Allow, AskPerson, Deny
from folkmoot.flow.gate import Gate
from folkmoot.flow.journal import Journal
from folkmoot.flow.kit import Kit
from folkmoot.flow.perform_tool import ToolCaller
from folkmoot.ports.clock import Clock
from folkmoot.ports.policy import Case


class Work(msgspec.Struct):
    """What came of judging: calls that may begin, Started entries to write first, a Deny that ends it.

    `settled` counts calls that got their answer without being done.
    """

    cleared: list[ToolCall] = []
    starts: list[e.Body] = []
    settled: int = 0
    stop: Deny | None = None


class ToolWork:
    """Judges and performs."""

    def __init__(self, gate: Gate, tools: ToolCaller, clock: Clock) -> None:
        """Nothing is started."""
        self._gate = gate
        self._tools = tools
        self._clock = clock

    async def judge(self, journal: Journal, kit: Kit, calls: list[ToolCall]) -> Work:
        """Judge each call; note what is denied or asked."""
        work = Work()
        for call in calls:
            pending = journal.view.pending.get(call.id)
            if pending is None or self._waits(journal, pending, work):
                continue
            act = self._tools.act(kit, journal.view, call)
            if isinstance(act, e.ToolReturned):
                journal.note(act)
                work.settled += 1
                continue
            await self._one(journal, kit, pending, act, work)
        return work

    def _waits(self, journal: Journal, pending: Pending, work: Work) -> bool:
        """Whether a call waits for a person; one that waited too long is denied here."""
        if pending.status != ASKED:
            return False
        approval = journal.view.approvals.get(pending.approval)
        if (
            approval is not None
            and (approval.expires_at or self._clock.now() + 1) <= self._clock.now()
        ):
            journal.note(e.ApprovalExpired(approval=approval.id))
            work.settled += 1
        return True

    async def _one(
        self, journal: Journal, kit: Kit, pending: Pending, act: Act, work: Work
    ) -> None:
        call, view = pending.call, journal.view
        if pending.status == APPROVED and pending.digest != act.digest:
            pending.status = OPEN  # the yes was for another call or another definition
        verdict = await self._gate.judge(Case(act, kit.agent, view, self._clock.now()))
        match verdict:
            case Allow():
                work.cleared.append(call)
                if act.effect.needs_start:
                    work.starts.append(
                        e.ToolStarted(call=call.id, name=call.name, effect=act.effect)
                    )
            case Deny():
                journal.note(_denied(act, verdict))
                work.settled += 1
                if verdict.stop:
                    work.stop = work.stop or verdict
            case AskPerson():
                journal.note(self._asked(journal, act, verdict))

    def _asked(self, journal: Journal, act: Act, verdict: AskPerson) -> e.StepAsked:
        expires = verdict.expires_s
        return e.StepAsked(
            call=act.call,
            act=str(act),
            approval=f"a{journal.view.head.seq + 1}",
            digest=act.digest,
            policy=verdict.policy,
            reason=verdict.reason,
            needs=verdict.needs,
            by=verdict.by,
            expires_at=None if expires is None else self._clock.now() + round(expires * 1000),
        )

    async def perform(self, journal: Journal, kit: Kit, calls: list[ToolCall]) -> None:
        """Do the calls; note each result."""
        if len(calls) == 1:
            journal.note(await self._tools.call(kit, journal.view, calls[0]))
            return
        room = asyncio.Semaphore(kit.agent.limits.parallel_tools)
        left = len(calls)

        async def one(call: ToolCall) -> None:
            nonlocal left
            async with room:
                result = await self._tools.call(kit, journal.view, call)
            left -= 1
            journal.note(result)
            if left:
                await asyncio.shield(journal.commit())

        try:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(one(call))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None


def _denied(act: Act, verdict: Deny) -> e.StepDenied:
    return e.StepDenied(
        call=act.call, act=str(act), policy=verdict.policy, reason=verdict.reason, code=verdict.code
    )
