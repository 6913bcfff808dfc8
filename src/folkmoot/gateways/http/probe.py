"""The probe: asks the desk for its health, once at a time, and does not wait for ever.

Health is open to everybody. However many ask, one probe runs, and all of them get its answer.
"""

import asyncio
import logging

from folkmoot.core.errors import FolkmootError
from folkmoot.ports.desk import Desk, Health, Part

_log = logging.getLogger("folkmoot.http")


class Probe:
    """Finds out how the system stands. Silence and failure are answers: not ready."""

    def __init__(self, desk: Desk, patience_s: float = 5.0) -> None:
        """Take whom to ask, and how long to wait for an answer."""
        self._desk = desk
        self._patience_s = patience_s
        self._running: asyncio.Task[Health] | None = None

    async def look(self) -> Health:
        """Return how the system stands now."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._ask())
        return await asyncio.shield(self._running)

    async def _ask(self) -> Health:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._desk.health()
        except TimeoutError:
            return _down(f"No answer within {self._patience_s:g} s.")
        except FolkmootError as fault:
            return _down(f"{fault.code}: {fault}")
        except Exception:  # noqa: BLE001 - any failure of a probe means: not ready
            _log.exception("http.probe")
            return _down("The probe failed; the log has the details.")


def _down(detail: str) -> Health:
    return Health(ready=False, parts=(Part(name="probe", ok=False, detail=detail),))
