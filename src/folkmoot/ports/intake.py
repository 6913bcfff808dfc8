"""Intake as others know it: a task becomes a run, with what must stand beside it or not at all."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from folkmoot.core.changes import Change
from folkmoot.core.run import Run
from folkmoot.core.task import Task


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a task: its run, and whether the task was new.

    `message` is the id of what was said, when the task belongs to a conversation.
    """

    run: Run
    new: bool
    message: str = ""


Beside = Callable[[Run], Sequence[Change]]
"""What is written in one set with a new run, given that run."""
Submit = Callable[[Task, Beside], Awaitable[Submitted]]
"""Makes a run of a task and writes what stands beside it, or neither.

With a key that was seen before nothing is written, and that key's run comes back. What is said in a
conversation makes no run of its own: nothing can stand beside it (TaskInvalid).
"""
