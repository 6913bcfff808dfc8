"""Programs: how an agent thinks. Pure functions View -> Steps, registered by key."""

from folkmoot.ports.program import Program
from folkmoot.programs.loop import loop

__all__ = ["builtin", "loop"]


def builtin() -> dict[str, Program]:
    """Return the programs that come with Folkmoot, by key."""
    return {"loop": loop}
