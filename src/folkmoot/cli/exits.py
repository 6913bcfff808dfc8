"""Exit codes: one table for all commands (docs/reference/cli.md)."""

from enum import IntEnum

from folkmoot.core.errors import Conflict, Denied, FolkmootError, Invalid, NotFound
from folkmoot.core.run import RunState


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    MISSING = 3
    REFUSED = 4
    CONFLICT = 5
    TROUBLE = 6
    INTERRUPTED = 130


MEANING = {
    Exit.OK: "It worked; a run that was waited for succeeded.",
    Exit.FAILED: "The run failed or was cancelled, or a check found something bad.",
    Exit.USAGE: "The command, a setting or an agent file has a mistake; nothing was done.",
    Exit.MISSING: "There is no run, agent, tool or model by that name.",
    Exit.REFUSED: "The gate or a person said no; a run that was waited for was refused.",
    Exit.CONFLICT: "Right in itself, but not now: wrong state, reused key, full queue.",
    Exit.TROUBLE: "The store, a model provider, a sandbox or another dependency is in trouble.",
    Exit.INTERRUPTED: "Interrupted: Ctrl-C, SIGTERM, or the reader of the output went away.",
}

_BY_FAMILY = (
    (Invalid, Exit.USAGE),
    (NotFound, Exit.MISSING),
    (Denied, Exit.REFUSED),
    (Conflict, Exit.CONFLICT),
)


def of_error(error: FolkmootError) -> Exit:
    """Return the exit code of an error: its family decides."""
    return next((code for family, code in _BY_FAMILY if isinstance(error, family)), Exit.TROUBLE)


def of_state(state: RunState) -> Exit:
    """Return the exit code of a run's end."""
    if state is RunState.REFUSED:
        return Exit.REFUSED
    return Exit.OK if state is RunState.SUCCEEDED else Exit.FAILED
