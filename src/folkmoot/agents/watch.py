"""Watching folders: the operating system's hints, gathered for a moment.

Only a hint: where watching is impossible (no more inotify watches, a file system without events, a
folder that is not there yet) nothing is yielded, the reader's own rounds find the change later, and
watching is tried again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

_GATHER_MS = 400
_STEP_MS = 100


class Watch:
    """Watches whatever folders there are."""

    def __init__(self, folders: Callable[[], set[Path]], again_s: float) -> None:
        """`folders` is asked every `again_s` seconds: what is watched may change."""
        self._folders, self._again_s = folders, again_s

    async def hints(self) -> AsyncIterator[None]:
        """Yield once for each burst of changes."""
        while True:
            folders = self._folders()
            if not folders:
                await asyncio.sleep(self._again_s)
                continue
            try:
                async for _ in self._of(folders):
                    yield None
            except (OSError, RuntimeError):  # cannot be watched; rounds will find what changes
                await asyncio.sleep(self._again_s)

    async def _of(self, folders: set[Path]) -> AsyncIterator[None]:
        from watchfiles import awatch  # noqa: PLC0415 - who does not watch need not load it

        async for changes in awatch(
            *folders,
            watch_filter=None,
            debounce=_GATHER_MS,
            step=_STEP_MS,
            rust_timeout=round(self._again_s * 1000),
            yield_on_timeout=True,
            recursive=False,
        ):
            if changes:
                yield None
            if self._folders() != folders:
                return
