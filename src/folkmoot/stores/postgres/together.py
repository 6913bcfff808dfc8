"""Single rows, asked for together: what is asked while one question is under way forms the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from folkmoot.stores.postgres.rows import quoted

T = TypeVar("T")
_MOST = 500


class Together(Generic[T]):
    """One kind of row, by its name."""

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[dict[str, T]]]) -> None:
        """`ask` is given quoted names, and returns the rows that are there by their plain names."""
        self._ask = ask
        self._waiting: dict[str, list[asyncio.Future[T | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, name: str) -> T | None:
        """Return a row as it is now, or None. Raises what the question raises."""
        future: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="folkmoot-postgres-read")
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                names = list(self._waiting)[:_MOST]
                await self._answer({name: self._waiting.pop(name) for name in names})
        finally:
            self._task = None

    async def _answer(self, asked: "dict[str, list[asyncio.Future[T | None]]]") -> None:
        fault: BaseException | None = None
        found: dict[str, T] = {}
        try:
            found = await self._ask([quoted(name) for name in asked])
        except Exception as met:  # noqa: BLE001 - every waiter must hear of it
            fault = met
        for name, futures in asked.items():
            for future in futures:
                if future.done():
                    continue
                if fault is None:
                    future.set_result(found.get(name))
                else:
                    future.set_exception(fault)
