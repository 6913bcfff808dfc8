"""A lane: what an agent's runs share on their way from the queue to a worker.

Before a run begins its lane is asked. It may have to wait because

- as many runs of the agent are at work as may be (`limit`): until one of them ends, nobody knows when;
- another run that is spaced began less than `spacing` ms ago: until that time is over;
- the agent failed five times in a row and its breaker is open: until it may be tried again. Then one run
  goes through, the probe; the others wait for its outcome (core/breaker.py).

A run whose deadline has passed begins at once: what is left is to tell so. A run that is not `guarded` is
neither held by the breaker nor counted in it.

The number of runs at work is counted and never kept; the rest is this value, which the store keeps as a
record of the kind `lane` under the agent's name. An agent that never failed and is not spaced has none, so
nothing is written for it. Dropping the record clears the breaker by hand.
"""

from typing import Protocol

import msgspec

from folkmoot.core import breaker as br
from folkmoot.core.breaker import CLEAR, Breaker
from folkmoot.core.run import DEADLINE_PASSED, RunState

KIND = "lane"
FULL = 0
"""Held back until another run of the agent ends."""


class Terms(msgspec.Struct, frozen=True):
    """What a run asks of its lane. `limit` 0 is none; times in ms."""

    limit: int = 0
    spacing: int = 0
    guarded: bool = True
    deadline: int = 0


class Rider(Protocol):
    """A run, as far as its lane asks."""

    @property
    def agent(self) -> str:
        """Whose lane."""

    @property
    def limit(self) -> int:
        """As in Terms."""

    @property
    def spacing(self) -> int:
        """As in Terms."""

    @property
    def guarded(self) -> bool:
        """As in Terms."""

    @property
    def deadline(self) -> int | None:
        """As in Terms; None is none."""


def terms(run: Rider) -> Terms:
    """Return what a run asks of its lane."""
    return Terms(run.limit, run.spacing, run.guarded, run.deadline or 0)


class Lane(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a lane stands: when a spaced run last began, and the breaker."""

    last_at: int = 0
    breaker: Breaker = CLEAR


OPEN = Lane()
"""A lane without a past."""
_decoder = msgspec.json.Decoder(Lane)


def read(body: bytes) -> Lane:
    """Return the lane that a record's body writes."""
    return _decoder.decode(body)


def write(lane: Lane) -> bytes:
    """Return a lane as a record's body."""
    return msgspec.json.encode(lane)


def held_back(lane: Lane, terms: Terms, running: int, now: int) -> int | None:
    """Return None when a run may begin, FULL, or the time (ms) before which it may not."""
    if terms.deadline and now >= terms.deadline:
        return None
    if terms.limit and running >= terms.limit:
        return FULL
    if terms.spacing and now < lane.last_at + terms.spacing:
        return lane.last_at + terms.spacing
    if terms.guarded and lane.breaker.trips and br.admit(lane.breaker, now) is None:
        return now + br.wait(lane.breaker, now)
    return None


def reopens(lane: Lane, now: int) -> int:
    """Return the time (ms) until which runs are put off that the breaker holds back; 0 when it holds none."""
    wait = br.wait(lane.breaker, now) if lane.breaker.trips else 0
    return now + wait if wait else 0


def begun(lane: Lane, terms: Terms, now: int) -> Lane:
    """Return the lane after a run began."""
    if terms.spacing:
        lane = msgspec.structs.replace(lane, last_at=now)
    if terms.guarded and lane.breaker.trips:
        admitted = br.admit(lane.breaker, now)
        lane = msgspec.structs.replace(lane, breaker=admitted or lane.breaker)
    return lane


def ended(lane: Lane, terms: Terms, state: str, error: str, now: int) -> Lane:
    """Return the lane after a run ended."""
    if not terms.guarded:
        return lane
    if state == RunState.SUCCEEDED:
        breaker = br.succeed(lane.breaker, now)
    elif state == RunState.FAILED and not error.startswith(f"{DEADLINE_PASSED}:"):
        breaker = br.fail(lane.breaker, now)
    else:
        breaker = br.release(lane.breaker)
    return lane if breaker == lane.breaker else msgspec.structs.replace(lane, breaker=breaker)
