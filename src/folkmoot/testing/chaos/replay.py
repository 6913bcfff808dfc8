"""Replies of a paid model are bought once: the undisturbed run records them, the matrix replays them.

A reply belongs to the exact request (its canonical digest, the workspace's path taken out). A request
that was never recorded, because a crash changed the conversation, goes to the model itself.
"""

from pathlib import Path

import msgspec

from folkmoot.core import canonical
from folkmoot.ports.model import Answer, Delta, Model, Request

OFFLINE = frozenset({"scripted", "keywords"})


class Recorded:
    """A model whose replies are kept in a folder."""

    def __init__(self, model: Model, folder: Path, workspace: Path) -> None:
        """`folder` is shared by all workers of a matrix."""
        self._model = model
        self._folder = folder
        self._workspace = str(workspace).encode()

    async def call(self, request: Request, delta: Delta | None = None) -> Answer:
        """Return the recorded reply, or record one."""
        asked = canonical.encode([str(request.choice), request.system, list(request.messages)])
        name = canonical.digest(asked.replace(self._workspace, b"").hex())
        path = self._folder / f"{name}.json"
        if path.exists():
            return msgspec.json.decode(path.read_bytes(), type=Answer)
        answer = await self._model.call(request, delta)
        path.write_bytes(msgspec.json.encode(answer))
        return answer

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()
