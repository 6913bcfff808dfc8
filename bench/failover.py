"""failover: from the kill of a worker under load to the next entry that another worker writes.

Real processes at default settings on a PostgreSQL and a Redis of the bench's own: an api, two coordinators
and three workers, each worker with some dozen runs in its hands. One after the other the workers are killed
(SIGKILL) at random moments. For each run that a killed worker held, the store says so, the witnesses say
when another worker made its next entry durable. In the second part the fleet is three `folkmoot up`, so
that each kill may also take the leader away. At the end the history check holds everything that happened.
"""

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import child, report, ruler
from bench.options import Options
from folkmoot.core.run import RunState
from folkmoot.ports.store import Query, Store
from folkmoot.testing.fleet.check import Found
from folkmoot.testing.fleet.fleet import Fleet
from folkmoot.testing.fleet.load import Load
from folkmoot.testing.fleet.member import Member
from folkmoot.testing.fleet.plugin import PACE
from folkmoot.testing.fleet.servers import Missing, Postgres, Redis

KILLS = 6
BAR_S = 10.0
PER_S = 10.0
PACE_S = "0.4"
SETTLE_S = 4.0
DEFAULTS = {"lease_s": None, "heartbeat_s": None, "poll_s": None, "grace_s": None}
PARTS = {
    "workers": (("api", "coordinator", "coordinator", "worker", "worker", "worker"), "worker"),
    "ups": (("up", "up", "up"), "up"),
}


@dataclass
class Part:
    """What one fleet showed. `delays` are seconds, one for each run that a killed process held."""

    name: str
    kills: int = 0
    delays: list[float] = field(default_factory=list)
    longest_s: float = 0.0
    found: Found | None = None


async def measure(name: str, kills: int) -> Part:
    """Kill processes of one fleet, one after the other."""
    roles, victims = PARTS[name]
    part = Part(name)
    folder = tempfile.TemporaryDirectory(prefix="folkmoot-failover-")
    with folder as home, Postgres() as postgres, Redis() as redis:
        async with Fleet(Path(home), store=postgres.url, broker=redis.url, **DEFAULTS) as moot:
            await moot.add(*roles, env={PACE: PACE_S})
            await under_load(moot, victims, kills, part)
    return part


async def under_load(moot: Fleet, victims: str, kills: int, part: Part) -> None:
    """Submit tasks all the time; meanwhile kill, watch, start again."""
    load = Load(moot.members, per_s=PER_S)
    over = asyncio.Event()
    loading = asyncio.create_task(load.until(over))
    able = [member for member in moot.members if member.name.startswith(victims)]
    store = moot.store()
    await store.open()
    try:
        for nr in range(kills):
            await asyncio.sleep(SETTLE_S + random.uniform(0, 2))
            await kill(moot, store, able[nr % len(able)], part)
    finally:
        over.set()
        await loading
        await store.close()
    await moot.until_done(60, load)
    await moot.end()
    part.found = await moot.judge(load)
    part.longest_s = longest(moot)


async def kill(moot: Fleet, store: Store, victim: Member, part: Part) -> None:
    """Kill one process, and wait until each run that it held has gone on elsewhere."""
    pid = victim.pid
    victim.kill()
    at = time.time()
    runs = await store.runs(Query(states=(RunState.RUNNING,), limit=10_000))
    left = {run.id for run in runs if f"-{pid}-" in run.worker}
    part.kills += 1
    end = at + 6 * BAR_S
    while left and time.time() < end:
        await asyncio.sleep(0.25)
        for line in moot.witness.read():
            if (
                line.what == "entry"
                and line.run in left
                and line.at > at * 1000
                and line.pid != pid
            ):
                left.discard(line.run)
                part.delays.append(line.at / 1000 - at)
    part.delays += [float("inf")] * len(left)
    await victim.start()


def longest(moot: Fleet) -> float:
    """Return the longest time that any run stood still between two of its entries, in seconds.

    Also where a killed process had only taken it from the broker. Runs that wait are left out.
    """
    last: dict[str, int] = {}
    most = 0
    lines = sorted(
        (x for x in moot.witness.read() if x.what == "entry"), key=lambda x: (x.run, x.seq)
    )
    asked = {line.run for line in lines if line.kind == "gate.asked"}
    for line in lines:
        if line.run not in asked:
            most = max(most, line.at - last.get(line.run, line.at))
        last[line.run] = line.at
    return most / 1000


class Failover(report.Report):
    """A report whose line is flat: others rely on these names."""

    def line(self) -> dict[str, Any]:
        return self.ours


def run(options: Options) -> report.Report:
    """Measure both fleets, one after the other."""
    kills = options.runs or KILLS
    try:
        parts = [asyncio.run(measure(name, kills)) for name in PARTS]
    except Missing as fault:
        raise child.Failed(str(fault)) from None
    every = [delay for part in parts for delay in part.delays]
    if not every:
        raise child.Failed("no killed process held a run")
    return Failover(
        name="failover",
        ours=figures(parts, every),
        columns=["fleet", "kills", "runs held", "p50, s", "p99, s", "max, s", "longest stand, s"],
        rows=[row(part) for part in parts],
        bars=bars(parts, every),
        note="default settings; PostgreSQL and Redis",
    )


def figures(parts: list[Part], every: list[float]) -> dict[str, Any]:
    """Return what --json prints."""
    found = [part.found for part in parts if part.found]
    return {
        "kills": sum(part.kills for part in parts),
        "p50_s": known(ruler.percentile(every, 50)),
        "p99_s": known(ruler.percentile(every, 99)),
        "lost": sum(x.count("lost") + x.count("broken") + x.count("unsettled") for x in found),
        "repeated": sum(x.count("repeated") for x in found),
        "doubled": sum(x.count("doubled") for x in found),
        "max_s": known(max(every)),
        "longest_stand_s": max(part.longest_s for part in parts),
        "held": len(every),
        "in_doubt": sum(x.in_doubt for x in found),
        "runs": sum(x.runs for x in found),
    }


def known(seconds: float) -> float | None:
    """Return seconds as JSON has them: a run that never went on has none."""
    return round(seconds, 3) if seconds < float("inf") else None


def row(part: Part) -> list[str]:
    """Return a line of the table."""
    some = part.delays or [0.0]
    times = [ruler.percentile(some, 50), ruler.percentile(some, 99), max(some), part.longest_s]
    return [part.name, str(part.kills), str(len(part.delays)), *(f"{x:.2f}" for x in times)]


def bars(parts: list[Part], every: list[float]) -> list[report.Bar]:
    """Return what was promised."""
    flaws = [flaw for part in parts if part.found for flaw in part.found.flaws]
    stood = max(part.longest_s for part in parts)
    said = "; ".join(f"{x.kind} {x.run}: {x.text}" for x in flaws[:5])
    return [
        report.Bar(
            f"runs of a killed worker go on within {BAR_S:g} s: the slowest took {max(every):.1f} s",
            max(every) < BAR_S,
        ),
        report.Bar(
            f"no run stands still for longer, wherever it was: {stood:.1f} s", stood < BAR_S
        ),
        report.Bar(f"nothing lost, repeated or doubled: {said or 'no flaw'}", not flaws),
    ]
