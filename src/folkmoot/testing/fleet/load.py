"""The load: tasks with keys, each sent until somebody says that it was taken.

A task whose answer was lost is sent again with the same key, to whoever answers; that makes one run of
it, which is a part of what the history check holds.
"""

import asyncio
import itertools
import random
from collections.abc import Sequence

import httpx

from folkmoot.testing.fleet import agents
from folkmoot.testing.fleet.member import Member
from folkmoot.testing.fleet.plugin import Ask

_AGAIN_S = 0.1
_WAITS_EACH = 40
_LAPSES_EACH = 15


class Load:
    """Submits tasks while it is told to. `taken` is key → run id, as it was acknowledged."""

    def __init__(self, members: Sequence[Member], *, name: str = "t", per_s: float = 20.0) -> None:
        """Send to the members that serve the API, `per_s` tasks a second."""
        self.taken: dict[str, str] = {}
        self.waits: set[str] = set()
        self.again = 0
        self._members = members
        self._name = name
        self._per_s = per_s
        self._numbers = itertools.count(1)
        self._sending: set[asyncio.Task[str]] = set()

    async def run(self, seconds: float) -> None:
        """Send for so long, then wait until all that was sent is taken."""
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, over.set)
        await self.until(over)

    async def until(self, over: asyncio.Event) -> None:
        """Send until it is over, then wait until all that was sent is taken."""
        async with self.client() as client:
            while not over.is_set():
                self.send(client)
                await asyncio.sleep(1 / self._per_s)
            await asyncio.gather(*self._sending)

    async def some(self, tasks: int) -> None:
        """Send so many tasks at once, and wait until all are taken."""
        async with self.client() as client:
            for _ in range(tasks):
                self.send(client)
            await asyncio.gather(*self._sending)

    @staticmethod
    def client() -> httpx.AsyncClient:
        """Return a client that is not patient: who does not answer is asked again."""
        return httpx.AsyncClient(timeout=5.0, trust_env=False)

    def send(self, client: httpx.AsyncClient) -> None:
        """Send the next task: now and then one that waits for a person, or waits in vain."""
        number = next(self._numbers)
        key = f"{self._name}-{number}"
        agent = agents.WORKS
        if number % _WAITS_EACH == 0:
            agent = agents.WAITS
            self.waits.add(key)
        elif number % _LAPSES_EACH == 0:
            agent = agents.LAPSES
        task = asyncio.create_task(self.submit(client, agent, Ask(key=key)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def submit(self, client: httpx.AsyncClient, agent: str, ask: Ask) -> str:
        """Send one task until it is taken; return its run."""
        while True:
            run = await self._try(client, agent, ask)
            if run:
                self.taken[ask.key] = run
                return run
            self.again += 1
            await asyncio.sleep(_AGAIN_S)

    async def _try(self, client: httpx.AsyncClient, agent: str, ask: Ask) -> str:
        """Return the run, or "" when nobody said that the task was taken."""
        serving = [member.url for member in self._members if member.url and member.running]
        if not serving:
            return ""
        body = {"agent": agent, "input": ask.text()}
        headers = {"Idempotency-Key": ask.key}
        url = f"{random.choice(serving)}/v1/runs"  # noqa: S311 - any of them
        try:
            answer = await client.post(url, json=body, headers=headers)
        except httpx.HTTPError:
            return ""
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            return ""
        answer.raise_for_status()
        run: str = answer.json()["id"]
        return run
