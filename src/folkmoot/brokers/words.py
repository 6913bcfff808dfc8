"""What is said to a server, and what is taken from it. A wire (wire.py) turns these into its protocol."""

from typing import Any, TypeAlias

import msgspec

from folkmoot.core.events import Event


class Put(msgspec.Struct, frozen=True):
    """Announce a run. `mark` is new for each announcement: saying one twice may be noticed by it."""

    queue: str
    run: str
    priority: str
    mark: str


class Taken(msgspec.Struct, frozen=True):
    """An announcement that is ours until it is done or given back; `mark` is the wire's own."""

    queue: str
    run: str
    priority: str
    mark: Any


class Done(msgspec.Struct, frozen=True):
    """What was taken has been dealt with."""

    taken: Taken


class Back(msgspec.Struct, frozen=True):
    """What was taken goes to somebody else."""

    taken: Taken


Word: TypeAlias = Put | Done | Back | Event
