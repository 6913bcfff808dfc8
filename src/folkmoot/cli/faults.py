"""An error, shown in three parts on stderr: what happened, what was kept, what to do."""

import json
import sys
from collections.abc import Sequence

from folkmoot.cli import exits, text
from folkmoot.core.errors import FolkmootError


def show(error: FolkmootError, argv: Sequence[str]) -> int:
    """Print an error and return its exit code. No traceback: an expected error has no use for one."""
    line = _machine(error) if _wants_json(argv) else _people(error)
    sys.stderr.write(line + "\n")
    return int(exits.of_error(error))


def _wants_json(argv: Sequence[str]) -> bool:
    """Whether `--json` was given; what stands behind `--` is somebody's text."""
    words = list(argv)
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options


def _people(error: FolkmootError) -> str:
    parts = [f"error: {error.message} [{error.code}]"]
    if error.kept:
        parts.append(f"kept:  {error.kept}")
    if error.todo:
        parts.append(f"to do: {error.todo}")
    return text.clean("\n".join(parts))


def _machine(error: FolkmootError) -> str:
    return json.dumps(
        {
            "error": error.code,
            "message": error.message,
            "kept": error.kept,
            "todo": error.todo,
            "details": error.details,
        },
        default=str,
    )
