"""A Task: what an agent is asked. A value; intake makes a run of it."""

from hashlib import sha256

import msgspec

EVENT = "event"
"""The source of tasks that events make. Their key is the event's id, and it alone counts."""
PRIORITIES = ("critical", "high", "normal", "low")
DISCOVERY = "discovery"
"""The kind of a task that looks for work: its starts are spaced."""


class ReplyTo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the reply goes: a gateway's name and an address that this gateway understands."""

    gateway: str
    address: str


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent is asked.

    `key` is the trigger's own stable id within `source`: the same key again is the same run.
    With a `conversation` the task is a message to the one long run of this agent under that name;
    then `key`, `reply_to` and `deadline` are the message's.
    Times are in milliseconds since 1970 (UTC): the run is given up after `deadline`, and does not begin
    before `not_before`. `kind` says what sort of work it is: `discovery` is spaced. With `force` neither
    spacing nor the agent's breaker holds it back. Whom it is for stands in the label `tenant`.
    """

    agent: str
    input: str
    source: str = "api"
    key: str = ""
    reply_to: ReplyTo | None = None
    priority: str = "normal"
    deadline: int | None = None
    labels: dict[str, str] = {}
    conversation: str = ""
    not_before: int = 0
    kind: str = ""
    force: bool = False

    def fingerprint(self) -> str:
        """Return a digest of what is asked, to tell a repeated task from a reused key.

        An event that comes again is the same event, also when its agent would put it into other words now.
        """
        if self.source == EVENT:
            return EVENT
        parts = msgspec.json.encode((self.agent, self.input, sorted(self.labels.items())))
        return sha256(parts).hexdigest()
