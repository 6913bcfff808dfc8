"""What the machine is made of: adapters, given by the composition root."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from folkmoot.core.agent import Agent, ModelChoice, SandboxUse
from folkmoot.core.rate import Rate
from folkmoot.core.spend import Price
from folkmoot.flow.audience import Audience
from folkmoot.flow.endings import Endings
from folkmoot.ports.broker import Broker
from folkmoot.ports.calendar import Calendar
from folkmoot.ports.catalog import Catalog
from folkmoot.ports.clock import Clock
from folkmoot.ports.exchange import Exchange
from folkmoot.ports.gateway import Gateway
from folkmoot.ports.model import Model
from folkmoot.ports.observer import Observer
from folkmoot.ports.policy import Policy
from folkmoot.ports.program import Program
from folkmoot.ports.sandbox import Sandbox
from folkmoot.ports.store import Store
from folkmoot.ports.tool import Tool

Report = Callable[[str, str, BaseException | None], None]
"""Told of what no caller can be told: (event, run, fault)."""


def _silent(_event: str, _run: str, _fault: BaseException | None) -> None:
    """Nobody listens."""


class Parts(msgspec.Struct, kw_only=True):
    """Everything the flow needs from outside.

    `warm` makes a model off the event loop: its library may take seconds to import.
    `price` (choice, the model that answered, prompt tokens) is None for a model without a price. `mistakes` says what is wrong with arguments.
    `rates` say how often the fleet may ask a provider.
    `window` is how many announced runs may stand in the broker at a time.
    `emits` are ends of runs that are published whatever their agents say.
    `env` is where granted variables are looked up; nothing else of it reaches a tool.
    """

    store: Store
    broker: Broker
    clock: Clock
    calendar: Calendar
    catalog: Catalog
    model: Callable[[ModelChoice], Model]
    warm: Callable[[ModelChoice], Awaitable[None]]
    tools: Callable[[Agent], Mapping[str, Tool]]
    programs: Mapping[str, Program]
    policies: Sequence[Policy]
    sandbox: Callable[[SandboxUse], Sandbox | None]
    price: Callable[[ModelChoice, str, int], Price | None]
    mistakes: Callable[[Tool, dict[str, Any]], list[str]]
    workspaces: Path
    observers: list[Observer] = []
    gateways: dict[str, Gateway] = {}
    env: Mapping[str, str] = {}
    queue_limit: int = 100_000
    window: int = 1000
    rates: Mapping[str, Rate] = {}
    exchange: Exchange | None = None
    emits: tuple[str, ...] = ()
    report: Report = _silent
    endings: Endings = msgspec.field(default_factory=Endings)
    audience: Audience = msgspec.field(default_factory=lambda: Audience(()))

    def __post_init__(self) -> None:
        """Ask the observers what they look at."""
        self.audience = Audience(self.observers)
