"""Talk: drives the run of a conversation.

What differs from other runs:

    take     no message is worked on: the mailbox gives out the first, and the agent as it was then
    answer   where other runs end: the message has its answer, or the error that it ended with
    rest     no message waits: the run sleeps in the store; after the idle time the program may sum up

Everything between is as in flow/runner.py, crash safety included: an answer is durable together with
what follows from it. Where the run rests, its mailbox is empty: a message would be slept through.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from folkmoot.core import entries as e
from folkmoot.core import steps as st
from folkmoot.core.changes import Consume, Signal
from folkmoot.core.errors import FolkmootError, StoreFault
from folkmoot.core.run import RunState
from folkmoot.flow.hearing import hear
from folkmoot.flow.intake import QUEUE
from folkmoot.flow.journal import Journal
from folkmoot.flow.kit import Kit, Kits
from folkmoot.flow.mailbox import Mailbox, due, taken, wanted
from folkmoot.flow.runner import Drive, Machine


class Talk(Drive):
    """The run of a conversation, being driven."""

    def __init__(
        self,
        machine: Machine,
        kits: Kits,
        kit: Kit,
        journal: Journal,
        pending: Sequence[Signal] = (),
    ) -> None:
        """Nothing is done yet. `kits` has the definitions of later messages."""
        super().__init__(machine, kit, journal, pending)
        self.mail = Mailbox()
        self._kits = kits

    async def _hear(self) -> bool:
        pending, self.pending, self.told = self.pending, [], False
        if not pending:
            await self.journal.commit()
            known = await self.machine.parts.store.signals([self.journal.run.id])
            pending = self.mail.unknown(known)
            if not pending:
                self.journal.heard = self.journal.signals
        return await hear(self.journal, pending, self.mail)

    async def _turn(self) -> bool:
        journal, view = self.journal, self.view
        if (journal.signals > journal.heard or self.told or self.pending) and await self._hear():
            return False
        if view.turn is not None:
            return await super()._turn()
        if view.paused:
            await journal.move(None, RunState.WAITING, waits_for="resume")
            return False
        if self.mail:
            return await self._take(self.mail.first())
        return await self._between()

    async def _between(self) -> bool:
        """Sum up when it is time, or rest."""
        view, at = self.view, due(self.view, self.kit.agent)
        if at is not None and self._now() >= at:
            self.journal.note(e.Woke())
            at = None
        if view.idle:
            if view.fault is not None and not await self._waited():
                return False
            steps = self.kit.program(view, self.kit.agent)
            if steps and isinstance(steps[0], st.CallModel | st.Drop):
                return await self._do[type(steps[0])](self, steps)
        return await self._lie_down(at)

    async def _lie_down(self, wake_at: int | None = None) -> bool:
        """Rest until somebody says something."""
        await self.journal.move(None, RunState.WAITING, waits_for="message", wake_at=wake_at)
        return False

    async def _take(self, signal: Signal) -> bool:
        """Begin to work on a message, with the agent as it was defined when the message was sent."""
        journal, definition, error = self.journal, wanted(signal), ""
        if definition == self.view.definition:
            definition = ""
        if definition:
            try:
                self.kit = await self._kits.need(definition)
                journal.emits = self.kit.agent.emits
            except StoreFault:
                raise
            except FolkmootError as fault:
                definition, error = "", f"{fault.code}: {fault}"
        consume = Consume(run=journal.run.id, fence=journal.fence, ids=(signal.id,))
        journal.note(taken(signal, definition), consume)
        return self._answer(error=error) if error else True

    def _answer(self, output: str = "", data: object = None, error: str = "") -> bool:
        """Answer the message that is worked on."""
        turn = self.view.turn
        assert turn is not None
        answered = e.MessageAnswered(message=turn.message, output=output, data=data, error=error)
        to = None if error else turn.reply_to
        # What leaves at one time leaves in the order of its names.
        self.journal.note(answered, *self.leaving(to, f"{turn.seq:08}", output))
        return True

    async def _reply(self, steps: Sequence[st.Step]) -> bool:
        step = steps[0]
        assert isinstance(step, st.Reply)
        return self._answer(step.output, step.data)

    async def _ask(self, steps: Sequence[st.Step]) -> bool:
        """Ask by answering: what comes back is the next message."""
        step = steps[0]
        assert isinstance(step, st.Ask)
        return self._answer(step.question)

    async def _fail(self, code: str, message: str, *, retry: bool = False) -> bool:
        if self.view.turn is None:
            return await self._lie_down()  # it was to be summed up; that can wait
        if retry and self.view.attempt < self.kit.agent.retry.attempts:
            return await super()._fail(code, message, retry=True)
        return self._answer(error=f"{code}: {message}")

    async def broken(self, code: str, message: str) -> None:
        """Give up the message; with none, the run ends."""
        if self.view.turn is None:
            await super().broken(code, message)
            return
        self._answer(error=f"{code}: {message}")
        run = self.journal.run
        await self.journal.move(None, RunState.QUEUED)
        await self.machine.parts.broker.put(QUEUE, run.id, run.priority)

    _do: ClassVar[dict[type, Callable[[Drive, Sequence[st.Step]], Awaitable[bool]]]] = {
        **Drive._do,  # noqa: SLF001 - our own base's
        st.Reply: _reply,  # type: ignore[dict-item]
        st.Ask: _ask,  # type: ignore[dict-item]
    }
