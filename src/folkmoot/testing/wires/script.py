"""What a provider can be made to answer, in words that fit every wire."""

from typing import Any

import msgspec


class Ask(msgspec.Struct, frozen=True):
    """A tool call in a reply. `raw` replaces the arguments by a text that need not be JSON."""

    name: str
    args: dict[str, Any] = {}
    raw: str = ""


class Think(msgspec.Struct, frozen=True):
    """A piece of reasoning before the reply, with the provider's signature."""

    text: str
    signature: str


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """A reply. `input` counts every prompt token, `cached` of them read from the cache.

    `finish` is `stop`, `length` or `filtered`; a reply that calls tools says so by itself.
    """

    text: str = ""
    calls: tuple[Ask, ...] = ()
    think: Think | None = None
    input: int = 11
    output: int = 7
    cached: int = 0
    counted: bool = True
    finish: str = "stop"
    model: str = "fake-model-1"

    @property
    def pieces(self) -> list[str]:
        """The text in the pieces in which it is streamed."""
        half = max(1, len(self.text) // 3)
        return [self.text[at : at + half] for at in range(0, len(self.text), half)]


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """An error. `late` sends it inside a stream that has begun well."""

    status: int
    message: str = "The fake provider refuses."
    code: str = ""
    headers: dict[str, str] = {}
    late: bool = False


class Garbage(msgspec.Struct, frozen=True):
    """A 200 that is not what it should be."""

    body: str = "<html>not a reply"


class Cut(msgspec.Struct, frozen=True):
    """A reply whose connection breaks after its first pieces; `politely` ends the stream in order."""

    say: Say
    politely: bool = False


class Stall(msgspec.Struct, frozen=True):
    """No answer; with `begin`, the first pieces of one and then nothing more."""

    begin: Say | None = None


Reply = Say | Refuse | Garbage | Cut | Stall
