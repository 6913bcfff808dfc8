"""What inbox and reactions are made of."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from folkmoot.ports.catalog import Catalog
from folkmoot.ports.clock import Clock
from folkmoot.ports.exchange import Exchange
from folkmoot.ports.intake import Submit
from folkmoot.ports.store import Store


class Outcome(StrEnum):
    """What became of an event, for metrics."""

    RECEIVED = "received"
    REPEATED = "repeated"
    UNWANTED = "unwanted"
    EXPIRED = "expired"
    HANDLED = "handled"
    FAILED = "failed"
    DEAD = "dead"


def _nobody(_outcome: Outcome) -> None:
    """Nobody counts."""


class Parts(msgspec.Struct, kw_only=True):
    """`tries`: beginnings after which an event is dead. `lease_s`: how long a try may take.

    `report` is told of what no caller can be told: (event, run, fault).
    """

    store: Store
    exchange: Exchange
    catalog: Catalog
    clock: Clock
    submit: Submit
    report: Callable[[str, str, BaseException | None], None]
    count: Callable[[Outcome], None] = _nobody
    tries: int = 5
    lease_s: float = 10.0
