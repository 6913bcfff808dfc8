"""The storm: kills members at random, and starts them again, until it is told to stop."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

from folkmoot.testing.fleet.member import Member


class Storm:
    """Kills one member after the other; at least one is always left alone. `kills` counts by role."""

    def __init__(
        self, members: Sequence[Member], *, every_s: tuple[float, float] = (1.0, 3.0), seed: int = 0
    ) -> None:
        """`every_s`: the shortest and the longest pause between two kills."""
        self.kills: Counter[str] = Counter()
        self._members = members
        self._every_s = every_s
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy

    async def run(self, seconds: float) -> None:
        """Rage for so long; then wait until all members are ready again."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        rising: set[asyncio.Task[None]] = set()
        while True:
            pause = self._random.uniform(*self._every_s)
            if loop.time() + pause > end:
                break
            await asyncio.sleep(pause)
            standing = [member for member in self._members if member.running]
            if len(standing) > 1:
                victim = self._random.choice(standing)
                victim.kill()
                self.kills[victim.role.command[0]] += 1
                rising.add(asyncio.create_task(self._raise(victim)))
        await asyncio.gather(*rising)

    async def _raise(self, member: Member) -> None:
        await asyncio.sleep(self._random.uniform(*self._every_s))
        try:
            await member.start()
        except RuntimeError:
            if not member.killed:  # by us, while it started
                raise
