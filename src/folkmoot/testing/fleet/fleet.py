"""A fleet: members on one store and one broker.

    async with Fleet(folder, store=url, broker=url) as fleet:
        up, worker = await fleet.add("up", "worker")
        ...
        history = await fleet.history(load)

Leaving it kills what still runs. What the members wrote on stderr is in `folder`.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from folkmoot.app import App
from folkmoot.clocks.system import SystemClock
from folkmoot.config import Settings, load
from folkmoot.core.run import RunState
from folkmoot.flow.desk import FlowDesk
from folkmoot.ports.store import Store
from folkmoot.testing.fleet import agents, plugin
from folkmoot.testing.fleet.check import Found, check
from folkmoot.testing.fleet.history import read
from folkmoot.testing.fleet.load import Load
from folkmoot.testing.fleet.member import ROLES, Member, clean, end_all, folkmoot
from folkmoot.testing.fleet.witness import Witness
from folkmoot.wiring import make_store, upgrade_store

_LOOK_S = 0.2
_OPEN = (RunState.QUEUED, RunState.RUNNING)


class Fleet:
    """Members, and what they share."""

    def __init__(
        self, folder: Path, *, store: str, broker: str = "local://", **settings: object
    ) -> None:
        """`settings` as in config.Settings, for all members; short leases, unless they say otherwise.

        A setting that is None has its default.
        """
        self.folder = folder
        self.members: list[Member] = []
        self._numbers = itertools.count(1)
        self.witness = Witness(folder / "witness.jsonl")
        given = {"lease_s": 2.0, "heartbeat_s": 0.5, "poll_s": 0.5, "grace_s": 5.0} | settings
        given = {name: value for name, value in given.items() if value is not None}
        given |= {"store": store, "broker": broker, "plugins": plugin.__file__}
        given |= {"agents": folder / "agents", "workspaces": folder / "workspaces"}
        self.settings: Settings = load(**given)
        self._env = clean() | {f"FOLKMOOT_{name.upper()}": str(x) for name, x in given.items()}
        self._env[plugin.WITNESS] = str(folder / "witness.jsonl")

    async def add(
        self, *roles: str, launch: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> list[Member]:
        """Start members, side by side, and wait until they are ready."""
        made = [self._make(role, launch or folkmoot(), env or {}) for role in roles]
        self.members += made
        for member in made:
            member.launch()
        for member in made:
            await member.ready()
        return made

    def _make(self, role: str, launch: Sequence[str], env: Mapping[str, str]) -> Member:
        name = f"{role}-{next(self._numbers)}"
        return Member(name, ROLES[role], self.folder, self._env | dict(env), launch)

    async def restart(self) -> None:
        """Start every member that does not run."""
        gone = [member for member in self.members if not member.running]
        for member in gone:
            member.launch()
        for member in gone:
            await member.ready()

    def kill(self) -> None:
        """Kill the whole fleet at once."""
        end_all(self.members)

    async def end(self) -> None:
        """Ask every member that runs to end, and wait."""
        await asyncio.gather(*(member.end() for member in self.members if member.running))

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[FlowDesk]:
        """Open a desk over the fleet's store and broker in this process: it works on nothing itself."""
        async with App(self.settings, env=self._env).opened() as desk:
            yield desk

    def store(self) -> Store:
        """Return the store, not opened, to look into it."""
        return make_store(self.settings, SystemClock())

    async def judge(self, *loads: Load) -> Found:
        """Read the history and hold it against all rules. The members must have ended."""
        taken = {key: run for load in loads for key, run in load.taken.items()}
        waits = frozenset(key for load in loads for key in load.waits)
        return check(await read(self.store(), self.folder / "witness.jsonl", taken, waits))

    async def until_done(self, within_s: float, *loads: Load) -> None:
        """Wait until no run is queued or running, and only those wait that must.

        Raises TimeoutError, saying what is left.
        """
        must = sum(len(load.waits) for load in loads)
        store = self.store()
        await store.open()
        left, waiting = {}, 0
        try:
            async with asyncio.timeout(within_s):
                while True:
                    states = (await store.counts()).states
                    left = {state: states[state] for state in _OPEN if states.get(state)}
                    waiting = states.get(RunState.WAITING, 0)
                    if not left and waiting == must:
                        return
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            text = f"After {within_s} s there are still {left}; {waiting} wait, {must} must."
            raise TimeoutError(text) from None
        finally:
            await store.close()

    async def __aenter__(self) -> Self:
        agents.write(self.folder / "agents")
        await upgrade_store(self.settings)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.kill()
