"""A small disk: a tmpfs that can be filled and freed under a fleet. Mounting it needs root."""

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_STEP = 1 << 16


class NoDisk(Exception):
    """No file system can be mounted here."""


class SmallDisk:
    """A tmpfs of `size` bytes at `place`; `spare` of them are kept aside until `free`."""

    def __init__(self, place: Path, size: int, spare: int) -> None:
        """Nothing is mounted."""
        self.place = place
        self._size = size
        self._spare = spare

    def fill(self) -> None:
        """Leave no byte free."""
        self._take(self._size)

    def free(self) -> None:
        """Give back what was taken, and what was kept aside."""
        (self.place / "filler").unlink()

    def _take(self, most: int) -> None:
        """Take up to so many bytes, as many as there are."""
        with (self.place / "filler").open("ab", buffering=0) as file:
            step = min(_STEP, most)
            while step and most > 0:
                try:
                    most -= file.write(bytes(step)) or 0
                except OSError:
                    step //= 2

    def __enter__(self) -> Self:
        """Mount it. Raises NoDisk."""
        self.place.mkdir(parents=True, exist_ok=True)
        _call("mount", "-t", "tmpfs", "-o", f"size={self._size}", "tmpfs", str(self.place))
        self._take(self._spare)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        _call("umount", "-l", str(self.place))


def _call(name: str, *words: str) -> None:
    program = shutil.which(name)
    if program is None:
        raise NoDisk(f"{name} is not installed")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)  # noqa: S603 - mount, umount
    if done.returncode:
        raise NoDisk(done.stderr.strip())
