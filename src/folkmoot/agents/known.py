"""What other parts offer, as the loader is told: it imports none of them."""

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.schedule import Schedule


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The names that an agent file may use. None: not checked.

    `program`, `model`, `tool`, `rule` and `schedule` look closer: at the agent's program with its options, at
    one choice, at one tool with its options, at one grant or deny, at one schedule. They raise a FolkmootError whose message becomes the mistake. They
    must not reach the network.
    """

    programs: Collection[str] | None = None
    providers: Collection[str] | None = None
    tools: Collection[str] | None = None
    program: Callable[[Agent], object] | None = None
    model: Callable[[ModelChoice], object] | None = None
    tool: Callable[[Agent, str, dict[str, Any]], object] | None = None
    rule: Callable[[str], object] | None = None
    schedule: Callable[[Schedule], object] | None = None
