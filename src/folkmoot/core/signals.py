"""Signals: what people and programs say to a run from outside.

The store keeps them until the run has written them into its journal; the same id twice is one.
"""

import msgspec

from folkmoot.core.task import ReplyTo


class Say(msgspec.Struct, frozen=True, tag="say", tag_field="kind", omit_defaults=True):
    """Add a message to the conversation.

    In the run of a conversation it waits its turn and is answered: by `deadline` (ms), to `reply_to`,
    by the agent as `definition` (a digest) has it. Other runs hear the words at their next step.
    """

    text: str
    by: str = ""
    reply_to: ReplyTo | None = None
    deadline: int | None = None
    definition: str = ""


class Cancel(msgspec.Struct, frozen=True, tag="cancel", tag_field="kind", omit_defaults=True):
    """End the run now."""

    by: str = ""
    reason: str = ""


class Pause(msgspec.Struct, frozen=True, tag="pause", tag_field="kind", omit_defaults=True):
    """Stop at the next step and wait."""

    by: str = ""


class Resume(msgspec.Struct, frozen=True, tag="resume", tag_field="kind", omit_defaults=True):
    """Go on after a pause."""

    by: str = ""


class Vote(msgspec.Struct, frozen=True, tag="vote", tag_field="kind", omit_defaults=True):
    """Approve or deny a call that the gate asked about."""

    approval: str
    approve: bool
    by: str = ""
    note: str = ""


class Retry(msgspec.Struct, frozen=True, tag="retry", tag_field="kind", omit_defaults=True):
    """Try a failed run again, with fresh context."""

    by: str = ""


AnySignal = Say | Cancel | Pause | Resume | Vote | Retry
_decoder: msgspec.json.Decoder[AnySignal] = msgspec.json.Decoder(AnySignal)


def read(body: bytes) -> AnySignal:
    """Return the signal that `body` (JSON) writes."""
    return _decoder.decode(body)


def kind(signal: AnySignal) -> str:
    """Return the signal's kind, such as `say`."""
    return str(signal.__struct_config__.tag)


def name(signal: AnySignal, key: str) -> str:
    """Return the id that a caller's key gives a signal.

    A message goes by the key itself. What asks for something else is no repetition, whatever its key:
    a cancel must not be swallowed because somebody said something under the same key.
    """
    if isinstance(signal, Say):
        return key
    about = (signal.approval, signal.by) if isinstance(signal, Vote) else ()
    return "/".join((kind(signal), *about, key))
