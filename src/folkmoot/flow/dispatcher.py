"""The dispatcher: takes announced runs, claims them in the store, has them driven.

Authority: a claim raises the fence; a lost race is no error. Capacity: at most `concurrency` drives at
a time; a waiting run is none of them. Failures: LeaseLost ends a drive silently; a store that cannot
write makes a drive start again from the journal, after a pause, as long as the lease is ours; anything
else is a defect and fails its run with INTERNAL, never the worker.
Stopping: no more is taken; drives finish their step and hand over; after the grace time they are cut
off, and Retire puts their runs back into the queue with a raised fence.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from inspect import iscoroutinefunction

from folkmoot.core import signals
from folkmoot.core.changes import Change, Claim, Claimed, CreateRun, Retire
from folkmoot.core.errors import Conflict, FolkmootError, LeaseLost, StoreClosed, StoreFault
from folkmoot.core.view import View
from folkmoot.flow.births import Births, taken
from folkmoot.flow.intake import QUEUE
from folkmoot.flow.journal import Begun, Journal
from folkmoot.flow.kit import Kits
from folkmoot.flow.looks import Looks
from folkmoot.flow.mailbox import begins_with
from folkmoot.flow.parts import Parts
from folkmoot.flow.rates import TOPIC
from folkmoot.flow.regain import AGAIN_S, Hands, held, regain
from folkmoot.flow.resting import Resting
from folkmoot.flow.runner import Drive, Machine, refuse
from folkmoot.flow.talk import Talk
from folkmoot.ports.broker import Delivery


class Dispatcher:
    """Keeps a worker's drives going."""

    def __init__(
        self, parts: Parts, kits: Kits, births: Births, *, worker: str, concurrency: int
    ) -> None:
        """`worker` must have a heartbeat before `start`."""
        self.worker = worker
        self.concurrency = concurrency
        self._parts = parts
        self._kits = kits
        self._births = births
        self._resting = Resting()
        self._report = parts.report
        self._machine = Machine(parts, worker)
        self._drives: dict[str, tuple[Drive, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[bool | None]] = set()
        self._hands = Hands()
        self._over = 0  # tasks that have let their run go, and are about to end
        self._looks = Looks(parts, self._seen, self._unread)
        self._idle = False  # we have asked for runs, and there is none
        self._quick = not any(iscoroutinefunction(policy.judge) for policy in parts.policies)
        self._room = asyncio.Event()
        self._taking: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._stopping = False

    def resize(self, concurrency: int) -> None:
        """Drive at most so many from now on. What is in our hands already is driven to its end."""
        self.concurrency = concurrency
        self._room.set()

    @property
    def active(self) -> int:
        """How many runs are in our hands now."""
        return len(self._tasks) - self._over + self._looks.count

    async def start(self) -> None:
        """Begin to take runs. Idempotent."""
        if self._taking is None:
            self._births.adopt = self._adopt
            self._taking = asyncio.create_task(self._take(), name="folkmoot-take")
            self._hearing = asyncio.create_task(self._listen(), name="folkmoot-hear")

    async def stop(self, grace_s: float = 0.0) -> None:
        """Take no more, let steps finish within the grace time, give the rest back. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        for drive, _ in self._drives.values():
            drive.stopping = True
        try:
            await self._take_no_more()
            if self._tasks and grace_s:
                await asyncio.wait(self._tasks, timeout=grace_s)
        finally:  # also when somebody is too impatient to wait for the grace time
            await self._give_back()

    async def _take_no_more(self) -> None:
        for part in (self._taking, self._hearing):
            if part is not None:
                part.cancel()
                await asyncio.gather(part, return_exceptions=True)

    async def _give_back(self) -> None:
        """Cut off what is still driven, and put its runs back into the queue."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        try:
            await self._parts.store.write(Retire(worker=self.worker, at=self._parts.clock.now()))
        except StoreFault as fault:
            self._report("retire_failed", "", fault)

    async def _take(self) -> None:
        while True:
            free = self.concurrency - self.active
            if free <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            self._idle = True
            try:
                deliveries = await self._parts.broker.take(QUEUE, free)
            finally:
                self._idle = False
            if not deliveries:  # closed, or not open yet
                await self._parts.clock.sleep(AGAIN_S)
            room = max(0, self.concurrency - self.active)
            for delivery in deliveries[room:]:  # we were made smaller since we asked
                await delivery.nack()
            now, others = self._parts.clock.now(), []
            for delivery in deliveries[:room]:
                born = self._births.take(delivery.run, self.worker, now)
                if born is None:
                    others.append(delivery)
                else:
                    self._start(self._begin(delivery, born))
            if others and (look := self._looks.add(others)) is not None:
                self._start(look)

    def _start(self, work: Coroutine[None, None, bool | None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[bool | None]) -> None:
        self._tasks.discard(task)
        self._room.set()
        if task.cancelled():
            return
        if task.exception() is not None:
            self._report("drive_broke", "", task.exception())
        elif task.result():
            self._over -= 1

    def _let_go(self) -> bool:
        """Have a free hand again: the task that runs this ends with what is returned here."""
        self._over += 1
        self._room.set()
        return True

    def _adopt(self, change: CreateRun, parts: tuple[Change, ...]) -> asyncio.Future[bool] | None:
        """Take a run that is not written yet, unless others wait or our policies may take their time."""
        if not (self._idle and self._quick) or self._stopping or self.active >= self.concurrency:
            return None
        run = change.run
        claim = Claim(run=run.id, worker=self.worker, now=run.created_at, read=False)
        claimed = taken(Claimed(run, change.entries), self.worker, run.created_at)
        born: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._start(self._rear(claimed, (*parts, claim), born))
        return born

    async def _rear(
        self, claimed: Claimed, first: tuple[Change, ...], born: asyncio.Future[bool]
    ) -> bool:
        """Drive a run that is born with its first step; say whether it was, as soon as that is known."""
        written = False

        def say() -> None:
            if not born.done():  # else who submitted has given up
                born.set_result(written)

        async def begun() -> None:
            nonlocal written
            written = True
            say()

        try:
            await self._keep_driving(claimed, first, begun)
        except StoreFault:  # who submits meets it, too
            say()
            await self._ours_after_all(claimed.run.id, begun)
        except FolkmootError:
            if written:
                raise  # else who submitted meets it, too
        finally:
            say()
        return self._let_go()

    async def _seen(self, delivery: Delivery, claimed: Claimed | None, now: int) -> None:
        """Begin an announced run, if it is there to be had."""
        if claimed is None:
            await delivery.ack()
            return
        view = self._resting.take(claimed) if claimed.run.fence else None
        if claimed.run.fence and view is None:
            self._start(self._claim(delivery, now))
        else:
            self._start(self._begin(delivery, taken(claimed, self.worker, now), view))

    def _unread(self, deliveries: Sequence[Delivery], fault: StoreFault) -> None:
        self._start(self._not_now(deliveries, fault))

    async def _not_now(self, deliveries: Sequence[Delivery], fault: StoreFault) -> None:
        self._report("claim_failed", deliveries[0].run, fault)
        await self._parts.clock.sleep(AGAIN_S)
        for delivery in deliveries:
            await delivery.nack()

    async def _begin(
        self, delivery: Delivery, claimed: Claimed, view: View | None = None
    ) -> bool | None:
        """Drive a run that nobody had before, or a conversation at rest whose view we have.

        The claim is written with its first step. Nothing is begun in such a run, so nothing happens
        before that is written.
        """
        run = claimed.run
        claim = Claim(run=run.id, worker=self.worker, now=run.updated_at, read=False)
        try:
            ours = await self._keep_driving(claimed, (claim,), delivery.ack, view)
        except StoreFault as fault:
            await self._unclear(delivery, fault)
            return None
        if ours:
            await delivery.ack()
            return self._let_go()
        # Somebody was quicker, or its lane holds it back, which only a claim by itself can note.
        await self._claim(delivery, self._parts.clock.now())
        return None

    async def _claim(self, delivery: Delivery, now: int) -> None:
        """Claim a run that somebody had before, and have it driven."""
        try:
            claim = Claim(run=delivery.run, worker=self.worker, now=now)
            outcome = (await self._parts.store.write(claim))[0]
        except StoreFault as fault:
            await self._unclear(delivery, fault)
            return
        if isinstance(outcome, Claimed):
            await self._go_on(outcome, delivery.ack)
        else:
            await delivery.ack()

    async def _go_on(self, claimed: Claimed, ack: Begun) -> None:
        """Drive a run that is ours already."""
        with self._hands.hold(claimed.run.id):
            await ack()
            await self._keep_driving(claimed)

    async def _unclear(self, delivery: Delivery, fault: StoreFault) -> None:
        """Deal with a claim of which nobody knows whether it was written."""
        if not await self._ours_after_all(delivery.run, delivery.ack):
            await self._not_now([delivery], fault)

    async def _ours_after_all(self, run: str, ack: Begun) -> bool:
        """Drive a run if a claim of ours was written though we were told that it was not.

        No other task of ours may have it: by the time it is read, every claim before is answered.
        """
        found = await held(self._parts, run, self.worker, lambda: self._stopping)
        if found is None or run in self._hands:
            return False
        await self._go_on(found, ack)
        return True

    async def _keep_driving(
        self,
        claimed: Claimed,
        first: tuple[Change, ...] = (),
        begun: Begun | None = None,
        view: View | None = None,
    ) -> bool:
        """Drive a run; start again from the journal when the store could not write.

        Return False when the claim in `first` was lost. Raises StoreFault when not even the claim could
        be written; `begun` is told when it is.
        """
        with self._hands.hold(claimed.run.id):
            return await self._until_over(claimed, first, begun, view)

    async def _until_over(
        self,
        current: Claimed | None,
        first: tuple[Change, ...],
        begun: Begun | None,
        view: View | None,
    ) -> bool:
        while current is not None:
            run, fence = current.run.id, current.run.fence
            journal, view = Journal(self._parts, current, first, begun, view), None
            try:
                await self._drive(journal, current)
            except LeaseLost as fault:
                if not journal.ours:
                    return False
                self._report("lease_lost", run, fault)
                return True
            except StoreClosed:
                return True
            except StoreFault as fault:
                if not journal.ours:
                    raise
                self._report("store_failed", run, fault)
                await self._parts.clock.sleep(AGAIN_S)
                current, first = await regain(self._parts, run, fence), ()
            else:
                self._resting.keep(journal.view, journal.fence)
                return True
        return True

    async def _drive(self, journal: Journal, claimed: Claimed) -> None:
        run = claimed.run
        try:
            kit = await self._kits.need(begins_with(claimed, journal.sound()))
        except FolkmootError as fault:
            if isinstance(fault, StoreFault) and fault is not journal.broken:
                raise
            await refuse(journal, self.worker, fault)
            return
        journal.emits = kit.agent.emits
        if journal.view.talks:
            drive: Drive = Talk(self._machine, self._kits, kit, journal, claimed.pending)
        else:
            drive = Drive(self._machine, kit, journal, claimed.pending)
        drive.stopping = self._stopping
        task = asyncio.current_task()
        assert task is not None
        self._drives[run.id] = (drive, task)
        self._parts.endings.begin(run.id)
        try:
            await self._go(drive, task)
        finally:
            # The run may have come back to us before this drive was over.
            if self._drives.get(run.id, (None, None))[0] is drive:
                del self._drives[run.id]
            self._parts.endings.drop(run.id)

    async def _go(self, drive: Drive, task: asyncio.Task[None]) -> None:
        try:
            try:
                await drive.go()
            except asyncio.CancelledError:
                if not drive.interrupted:
                    raise
                task.uncancel()
                await drive.cancelled()
        except (StoreFault, Conflict):  # the store has said no; what that means _keep_driving knows
            raise
        except Exception as fault:  # noqa: BLE001 - one run's defect must not end the worker
            self._report("run_broke", drive.journal.run.id, fault)
            await self._broken(drive, fault)

    async def _broken(self, drive: Drive, fault: Exception) -> None:
        """End a run that met a defect of ours or of its program."""
        message = f"{type(fault).__name__} in the program or the machine; the log has the trace."
        await drive.broken("INTERNAL", message)

    async def _listen(self) -> None:
        async with self._parts.broker.listen("run.*.signal", TOPIC) as events:
            async for event in events:
                kind, name, *_ = event.topic.split(".")
                try:
                    await (self.poke(name) if kind == "run" else self.look_at_rates())
                except StoreFault as fault:  # the poller looks again
                    self._report("hint_failed", name, fault)

    async def look_at_rates(self) -> None:
        """Learn what others have learned of how often providers may be asked."""
        await self._machine.rates.look()

    async def poke(self, run: str) -> None:
        """Look whether somebody cancelled a run that is at work; other signals wait for its turn."""
        self._parts.endings.spoken_to(run)
        known = self._drives.get(run)
        if known is None:
            return
        drive, task = known
        found = await self._parts.store.signals([run])
        # Not a count: some of these may be heard already, and only not be written down yet.
        drive.told = drive.told or bool(found)
        cancels = any(isinstance(signals.read(x.body), signals.Cancel) for x in found)
        if cancels and drive.at_work and not drive.interrupted:
            drive.interrupted = True
            task.cancel()

    async def poke_all(self) -> None:
        """Look after all our runs that somebody spoke to; for when hints may have been lost."""
        if self._drives:
            for run in await self._parts.store.signalled(self.worker):
                await self.poke(run)
