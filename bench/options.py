"""What can be said on the command line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """`runs` None means the bench's own number."""

    runs: int | None = None
    rounds: int = 3
    json: bool = False
