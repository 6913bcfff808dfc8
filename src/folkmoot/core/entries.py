"""The journal's entries: everything that happens to a run, in order, chained by hash.

    hash(n) = SHA-256( hash(n-1) ‖ run ‖ seq ‖ at ‖ SHA-256(body) )        hash(0) = 32 zero bytes

The body's own digest stands in the chain, so a body may be kept elsewhere (or pruned by a retention
policy) while the chain still verifies. Bodies are JSON, tagged by `kind`.
"""

from hashlib import sha256
from typing import Any, get_args

import msgspec

from folkmoot.core.errors import JournalBroken
from folkmoot.core.messages import Thought, ToolCall
from folkmoot.core.spend import Hold, Usage
from folkmoot.core.task import ReplyTo, Task

GENESIS = bytes(32)


class _Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What one entry says."""


class Created(_Body, frozen=True, tag="run.created"):
    """The run exists: its task, and the agent's definition by hash."""

    task: Task
    definition: str


class Reset(_Body, frozen=True, tag="run.reset"):
    """A new attempt begins with fresh context; what came before stays in the journal only."""

    attempt: int
    reason: str


class Resumed(_Body, frozen=True, tag="run.resumed"):
    """A worker took over a run whose last worker was lost. `lost` are calls nobody saw the end of."""

    worker: str
    fence: int
    lost: tuple[str, ...] = ()
    uncertain: int = 0


class ModelCalled(_Body, frozen=True, tag="model.called"):
    """A request goes to the model now. Its money (`estimate` nanos) is held in the same transaction.

    `bound` is the most tokens that its reply may have, where the money sets that; 0: it does not.
    """

    call: str
    model: str
    purpose: str = "reply"
    estimate: int = 0
    holds: tuple[Hold, ...] = ()
    bound: int = 0


class ModelReplied(_Body, frozen=True, tag="model.replied"):
    """The model's reply. `nanos` is its price by our table; `upto` belongs to a summary."""

    call: str
    model: str
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    usage: Usage = Usage()
    nanos: int = 0
    finish: str = "stop"
    ms: int = 0
    purpose: str = "reply"
    upto: int = 0


class ModelFailed(_Body, frozen=True, tag="model.failed"):
    """A model call failed.

    `retry_ms` None means that nobody tries this model again; `next` names a fallback.
    `uncertain` nanos may have been spent: the provider may bill a reply that never arrived.
    """

    call: str
    model: str
    code: str
    detail: str = ""
    retry_ms: int | None = None
    next: str = ""
    uncertain: int = 0


class ToolStarted(_Body, frozen=True, tag="tool.started"):
    """A call of class `once` or `reconcilable` is about to begin."""

    call: str
    name: str
    effect: str


class ToolReturned(_Body, frozen=True, tag="tool.returned"):
    """A tool call ended; `error` is a code when it failed."""

    call: str
    name: str
    text: str
    error: str = ""
    ms: int = 0
    reconciled: bool = False


class ToolDoubted(_Body, frozen=True, tag="tool.doubted"):
    """A call of class `once` began and nobody saw its end: it is in doubt, and not repeated."""

    call: str
    name: str


class StepDenied(_Body, frozen=True, tag="gate.denied"):
    """The gate said no."""

    call: str
    act: str
    policy: str
    reason: str
    code: str = "DENIED"


class StepAsked(_Body, frozen=True, tag="gate.asked"):
    """The gate asks a person. `digest` is the canonical hash of the exact call."""

    call: str
    act: str
    approval: str
    digest: str
    policy: str
    reason: str
    needs: int = 1
    by: tuple[str, ...] = ()
    expires_at: int | None = None


class StepVoted(_Body, frozen=True, tag="gate.voted"):
    """A person approved or denied. The run goes on when enough have."""

    approval: str
    by: str
    approve: bool
    note: str = ""


class ApprovalExpired(_Body, frozen=True, tag="gate.expired"):
    """Nobody answered in time: the step is denied."""

    approval: str


class MessageAdded(_Body, frozen=True, tag="said"):
    """Somebody added a message to the run.

    `message` is set in a conversation: the run works on this message from here to its answer. `definition`
    is set when another definition of the agent than before answers it.
    """

    text: str
    by: str = ""
    message: str = ""
    reply_to: ReplyTo | None = None
    deadline: int | None = None
    definition: str = ""


class MessageAnswered(_Body, frozen=True, tag="run.answered"):
    """A conversation's message has its answer, or `error` (a code and a sentence) says why it has none."""

    message: str
    output: str = ""
    data: Any = None
    error: str = ""


class ContextDropped(_Body, frozen=True, tag="context.dropped"):
    """The oldest `upto` messages are no longer shown to the model."""

    upto: int


class ReplyRejected(_Body, frozen=True, tag="reply.rejected"):
    """The reply did not fit the agent's output schema; the model is told why."""

    reason: str


class Asked(_Body, frozen=True, tag="run.asked"):
    """The program asks a person a question and waits for a message."""

    question: str
    call: str = ""


class Slept(_Body, frozen=True, tag="run.slept"):
    """The run sleeps until a time (ms since 1970)."""

    until: int
    call: str = ""


class Woke(_Body, frozen=True, tag="run.woke"):
    """The time came for which the run slept."""


class Paused(_Body, frozen=True, tag="run.paused"):
    """Somebody paused the run."""

    by: str = ""


class Continued(_Body, frozen=True, tag="run.continued"):
    """Somebody let the run go on."""

    by: str = ""


class Succeeded(_Body, frozen=True, tag="run.succeeded"):
    """The reply. `data` is set when the agent has an output schema."""

    output: str
    data: Any = None


class Failed(_Body, frozen=True, tag="run.failed"):
    """The run could not do its task. `retry_ms` is set when another attempt follows."""

    code: str
    message: str
    retry_ms: int | None = None


class Cancelled(_Body, frozen=True, tag="run.cancelled"):
    """Somebody cancelled the run."""

    by: str = ""
    reason: str = ""


class Refused(_Body, frozen=True, tag="run.refused"):
    """The run was never allowed to begin."""

    code: str
    message: str


Body = (
    Created | Reset | Resumed | ModelCalled | ModelReplied | ModelFailed | ToolStarted | ToolReturned
    | ToolDoubted | StepDenied | StepAsked | StepVoted | ApprovalExpired | MessageAdded | MessageAnswered
    | ContextDropped | ReplyRejected | Asked | Slept | Woke | Paused | Continued | Succeeded | Failed | Cancelled | Refused
)  # fmt: skip

_KINDS: dict[type, str] = {kind: str(kind.__struct_config__.tag) for kind in get_args(Body)}
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)


class Entry(msgspec.Struct, frozen=True):
    """One line of a run's journal, as it is stored. `at` is milliseconds since 1970 (UTC)."""

    run: str
    seq: int
    at: int
    kind: str
    body: bytes
    hash: bytes

    def read(self) -> Body:
        """Return what the entry says. Raises JournalBroken for bytes that are not ours."""
        try:
            return _decoder.decode(self.body)
        except msgspec.DecodeError as fault:
            raise JournalBroken(
                f"Entry {self.seq} of {self.run} cannot be read: {fault}.",
                kept="The journal as it is.",
                todo=f"Run `folkmoot ledger verify {self.run}`: somebody or something changed the store.",
                run=self.run,
                seq=self.seq,
            ) from None


class Head(msgspec.Struct, frozen=True):
    """The end of a chain: the last entry's number and hash."""

    seq: int = 0
    hash: bytes = GENESIS


def link(before: bytes, run: str, seq: int, at: int, body: bytes) -> bytes:
    """Return the hash (32 bytes) of an entry that follows the one whose hash is `before`."""
    return sha256(
        b"%b%b|%d|%d|%b" % (before, run.encode(), seq, at, sha256(body).digest())
    ).digest()


def write(head: Head, run: str, at: int, body: Body) -> Entry:
    """Return the next entry of a chain that ends in `head`."""
    data = _encoder.encode(body)
    seq = head.seq + 1
    return Entry(run, seq, at, _KINDS[type(body)], data, link(head.hash, run, seq, at, data))


def broken(entries: list[Entry], head: Head = Head()) -> Entry | None:  # noqa: B008 - frozen value
    """Return the first entry that does not follow from the one before it, or None."""
    seq, before = head.seq, head.hash
    for entry in entries:
        expected = link(before, entry.run, seq + 1, entry.at, entry.body)
        if entry.seq != seq + 1 or entry.hash != expected or not _kind_fits(entry):
            return entry
        seq, before = entry.seq, entry.hash
    return None


def _kind_fits(entry: Entry) -> bool:
    """Whether the kind column says what the hashed body says (it is an index, not a second truth)."""
    return entry.body.startswith(b'{"kind":"%b"' % entry.kind.encode())
