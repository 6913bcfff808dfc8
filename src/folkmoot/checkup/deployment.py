"""Whether the deployment works, end to end: store, broker, fleet, clocks, ledger, API, and a probe run.

A part that is not critical may be missing where nothing was started yet: no worker, no API, nobody leading.
With `deep` a real run is submitted, and then a worker is needed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import perf_counter

import msgspec

from folkmoot.agents.catalog import Agents
from folkmoot.checkup.machine import ailing
from folkmoot.config import Settings
from folkmoot.core.agent import Agent, Limits, ModelChoice
from folkmoot.core.errors import FolkmootError
from folkmoot.core.run import RunState
from folkmoot.core.signals import Cancel
from folkmoot.core.task import Task
from folkmoot.flow.desk import FlowDesk
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock
from folkmoot.ports.desk import Part
from folkmoot.ports.store import Query, Store
from folkmoot.upkeep.fleet import Fleet

PROBE = Agent(
    name="folkmoot-doctor",
    instructions="Answer, so that somebody knows that you can.",
    model=ModelChoice(provider="keywords", name="keywords"),
    limits=Limits(iterations=1),
)
_BROKER_S = 5.0
RUN_S = 20.0
"""How long a probe run may take: several rounds of a relay, and a worker that is busy."""
_JOURNALS = 100
_SKEW_MS = 1_000
_SKEW_BAD_MS = 60_000


class Patient(msgspec.Struct):
    """What is looked at; nothing of it is open.

    `carry` sends an event round the broker; `clock` is this machine's own.
    """

    settings: Settings
    store: Store
    broker: Broker
    carry: Callable[[], Awaitable[None]]
    clock: Clock
    fleet: Fleet
    catalog: Agents
    opened: Callable[[], AbstractAsyncContextManager[FlowDesk]]


async def deployment(of: Patient, *, deep: bool) -> list[Part]:
    """Look at all of it; what hangs on a part that fails is left out."""
    try:
        await of.store.open()
    except FolkmootError as fault:
        return [ailing("store", fault)]
    try:
        broker = await _broker(of)
        parts = [await _store(of), broker, await _clock(of), *await of.fleet.parts()]
        if broker.ok:
            async with of.opened() as desk:
                parts.append(await _ledger(desk))
                if deep:
                    parts.append(await _probe(of, desk))
    except FolkmootError as fault:
        return [ailing("store", fault)]
    finally:
        await of.broker.close()
        await of.store.close()
    return parts


async def _store(of: Patient) -> Part:
    """It is open, so its schema is ours."""
    began = perf_counter()
    counts = await of.store.counts()
    took = (perf_counter() - began) * 1000
    runs = sum(counts.states.values())
    detail = f"{runs} runs, schema as this version has it; answers in {took:.1f} ms"
    return Part(name="store", ok=True, detail=detail)


async def _broker(of: Patient) -> Part:
    scheme = of.settings.broker.partition("://")[0]
    try:
        await of.broker.open()
        began = perf_counter()
        async with asyncio.timeout(_BROKER_S):
            await of.carry()
    except FolkmootError as fault:
        return ailing("broker", fault)
    except TimeoutError:
        return Part(
            name="broker",
            ok=False,
            detail=f"{scheme}: an event did not come back within {_BROKER_S:g} s",
            todo="See that the server of FOLKMOOT_BROKER runs and can be reached from here.",
        )
    took = (perf_counter() - began) * 1000
    return Part(name="broker", ok=True, detail=f"{scheme}: an event went round in {took:.1f} ms")


async def _clock(of: Patient) -> Part:
    """Compare this machine's clock with the store's, at the middle of the question.

    Where the fleet goes by the store's clock (its capability `clock`) a difference harms no run.
    """
    before = of.clock.now()
    standing = await of.store.standing(before, before)
    skew = standing.now - (before + of.clock.now()) // 2
    return Part(
        name="clock",
        ok=abs(skew) <= _SKEW_MS,
        detail=f"the store's clock is {skew:+} ms from ours",
        critical=abs(skew) > _SKEW_BAD_MS and "clock" not in of.store.capabilities,
        todo="Set the clocks by NTP: what machines write down of time should be comparable.",
    )


async def _ledger(desk: FlowDesk) -> Part:
    """Verify the newest journals; `folkmoot ledger verify` reads them all."""
    entries = 0
    runs = await desk.runs(Query(limit=_JOURNALS))
    for run in runs:
        found = await desk.verify(run.id)
        entries += found.entries
        if found.broken:
            first = found.broken[0]
            return Part(
                name="ledger",
                ok=False,
                detail=f"run {first.run}, entry {first.seq}: {first.reason}",
                todo="Somebody or something has changed the store: `folkmoot ledger verify` names every place.",
            )
    return Part(name="ledger", ok=True, detail=f"{entries} entries of {len(runs)} runs hold")


async def _probe(of: Patient, desk: FlowDesk) -> Part:
    """Submit a run that costs nothing, and wait for a worker to drive it."""
    if "shared" not in of.store.capabilities:
        detail = "nobody else can take a run from a store in memory"
        return Part(name="probe", ok=True, detail=detail, critical=False)
    of.catalog.add(PROBE)
    began = perf_counter()
    task = Task(agent=PROBE.name, input="hello", source="doctor", priority="critical")
    run = (await desk.submit(task)).run.id
    try:
        ended = await desk.finished(run, RUN_S)
    except TimeoutError:
        await desk.tell(run, Cancel(by="folkmoot doctor", reason="nobody drove it"))
        return Part(
            name="probe",
            ok=False,
            detail=f"no worker has driven {run} within {RUN_S:g} s; it is cancelled",
            todo="Start `folkmoot worker`; where one is alive, see its log.",
        )
    took = perf_counter() - began
    if ended.state is not RunState.SUCCEEDED:
        todo = f"See `folkmoot show {run}`."
        return Part(name="probe", ok=False, detail=f"{run} {ended.state}: {ended.error}", todo=todo)
    return Part(name="probe", ok=True, detail=f"{run} was driven in {took:.2f} s")
