"""Plugins: Python files that add tools, programs, models or policies, by key.

A plugin is named in the settings (FOLKMOOT_PLUGINS), never in an agent file: data names keys, and only
whoever starts the system says which code runs. It defines `register(app)`.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from folkmoot.core.errors import SettingsInvalid


def load(path: Path, app: object) -> None:
    """Load a plugin and let it register with the App. Raises SettingsInvalid when it cannot be loaded."""
    if not path.is_file():
        raise _wrong(path, "there is no such file")
    spec = spec_from_file_location(f"folkmoot_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise _wrong(path, "it is not a Python file")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as fault:
        raise _wrong(path, f"it failed with {type(fault).__name__}: {fault}") from fault
    register = getattr(module, "register", None)
    if not callable(register):
        raise _wrong(path, "it defines no function `register(app)`")
    register(app)


def _wrong(path: Path, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"The plugin {path} could not be loaded: {why}.",
        kept="Nothing was started.",
        todo="Correct FOLKMOOT_PLUGINS or the file.",
    )
