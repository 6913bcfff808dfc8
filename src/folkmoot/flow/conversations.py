"""Conversations: one long run for each agent and name, and the messages that are said to it.

The run is made before its first message, under the inbox key `<agent>/<name>`: two first messages at
once make one run. A message is a signal whose id is the message's own: repeated, it is the same message,
and it is acknowledged only when the signal is durable. A crash between the two leaves a conversation in
which nothing was said yet. One that was ended (cancelled, refused) begins anew with the next message:
the same run, a new attempt with fresh context; a crash between the two leaves it woken, and at rest.
"""

import contextlib
from collections import OrderedDict
from hashlib import sha256

import msgspec

from folkmoot.core import ids, signals
from folkmoot.core.changes import Born, Change, CreateRun, Signal
from folkmoot.core.errors import KeyReused, RunUnknown, WrongState
from folkmoot.core.events import Event
from folkmoot.core.run import Run
from folkmoot.core.signals import Say
from folkmoot.core.task import Task
from folkmoot.flow.answers import said
from folkmoot.flow.parts import Parts
from folkmoot.ports.intake import Submitted

SOURCE = "conversation"
_KNOWN = 10_000
_TRIES = 5


def opening(task: Task) -> Task:
    """Return the task with which the run of a message's conversation begins."""
    return Task(
        agent=task.agent,
        input="",
        source=SOURCE,
        key=f"{task.agent}/{task.conversation}",
        priority=task.priority,
        labels=task.labels,
        conversation=task.conversation,
    )


class Conversations:
    """Finds the runs of conversations, and gives them messages."""

    def __init__(self, parts: Parts) -> None:
        """Nothing is known yet; what is found is remembered, it never changes."""
        self._parts = parts
        self._runs: OrderedDict[str, str] = OrderedDict()

    async def submit(
        self, task: Task, birth: CreateRun, definition: tuple[Change, ...], digest: str
    ) -> Submitted:
        """Say a task's input to its conversation; `birth` makes the run where there is none."""
        birth = msgspec.structs.replace(birth, fingerprint=SOURCE)
        message = self._message(task, digest, birth.run.id)
        known = await self._find(birth, definition)
        run = known.id
        message = msgspec.structs.replace(message, run=run)
        new = await self._say(message, definition)
        if not new and task.key:
            await self._same(task, message)
        await self._parts.broker.publish(Event(f"run.{run}.signal"))
        return Submitted(known, new=new, message=message.id)

    def _remember(self, name: str, run: str) -> None:
        self._runs[name] = run
        if len(self._runs) > _KNOWN:
            self._runs.popitem(last=False)

    async def _find(self, birth: CreateRun, definition: tuple[Change, ...]) -> Run:
        """Return the conversation's run as it is before the message; make it where there is none.

        One that was ended may have been pruned since we knew it, and its key with it.
        """
        store, run = self._parts.store, self._runs.get(birth.key)
        known = await store.run(run) if run is not None else None
        if known is None:
            outcome = (await store.write(birth, *definition))[0]
            assert isinstance(outcome, Born)
            self._remember(birth.key, outcome.run)
            known = birth.run if outcome.new else await store.run(outcome.run)
        if known is None:
            raise RunUnknown(f"The run of {birth.key} is not in the store any more.")
        return known

    def _message(self, task: Task, digest: str, run: str) -> Signal:
        now = self._parts.clock.now()
        id_ = ids.make("msg", now, self._parts.clock.entropy(8))
        if task.key:  # the key's source may hold anything; what becomes of it fits into an address
            id_ = f"msg_{sha256(msgspec.json.encode((task.source, task.key))).hexdigest()[:32]}"
        body = Say(
            text=task.input, reply_to=task.reply_to, deadline=task.deadline, definition=digest
        )
        return Signal(run=run, id=id_, kind="say", body=msgspec.json.encode(body), at=now)

    async def _say(self, message: Signal, definition: tuple[Change, ...]) -> bool:
        """Write the message; wake the conversation first when it was ended. False if known."""
        store = self._parts.store
        for _ in range(_TRIES):
            try:
                return bool((await store.write(message, *definition))[0])
            except WrongState:
                wake = self._wake(message)
            with contextlib.suppress(WrongState):  # somebody else woke it meanwhile
                await store.write(wake)
        raise WrongState(
            f"The conversation's run {message.run} is ended as often as it begins.",
            kept="The message was not kept.",
        )

    def _wake(self, message: Signal) -> Signal:
        retry = signals.Retry("a new message")
        return Signal(
            run=message.run,
            id=ids.make("sig", message.at, self._parts.clock.entropy(8)),
            kind=signals.kind(retry),
            body=msgspec.json.encode(retry),
            at=message.at,
        )

    async def _same(self, task: Task, message: Signal) -> None:
        """Raise KeyReused when the key's first message said something else."""
        first = await said(self._parts.store, message.run, message.id)
        if first is not None and first != task.input:
            raise KeyReused(kept="The first message is as it was.", run=message.run)
