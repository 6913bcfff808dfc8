"""Folkmoot runs a fleet of AI agents that survive crashes and answer for every act.

Importing this package starts nothing: no thread, no socket, no signal handler.
The public names are loaded when they are first used, so that `import folkmoot` stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from folkmoot.app import App
    from folkmoot.config import Settings
    from folkmoot.core.agent import Agent
    from folkmoot.core.effects import Effect
    from folkmoot.core.errors import FolkmootError
    from folkmoot.core.run import Run
    from folkmoot.core.task import Task
    from folkmoot.tools.functions import tool

__all__ = ["Agent", "App", "Effect", "FolkmootError", "Run", "Settings", "Task", "tool"]
__version__ = "0.1.0"

_HOMES = {
    "Agent": "folkmoot.core.agent",
    "App": "folkmoot.app",
    "Effect": "folkmoot.core.effects",
    "FolkmootError": "folkmoot.core.errors",
    "Run": "folkmoot.core.run",
    "Settings": "folkmoot.config",
    "Task": "folkmoot.core.task",
    "tool": "folkmoot.tools.functions",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home the first time somebody asks for it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'folkmoot' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
