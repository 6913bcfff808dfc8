"""Spend and prices, in whole numbers: tokens, and nano-dollars (1e-9 USD), so that sums are exact."""

from decimal import Decimal
from functools import lru_cache

import msgspec

NANOS_PER_USD = 1_000_000_000


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one model call used, in tokens, as the provider counted them.

    `input` is every prompt token, cached or not; `cache_read` and `cache_write` are parts of it.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        """Input and output tokens together."""
        return self.input + self.output


class Price(msgspec.Struct, frozen=True):
    """Nano-dollars a token. $3 per million tokens are 3000 nanos a token."""

    input: int = 0
    output: int = 0
    cache_read: int | None = None
    cache_write: int | None = None

    def of(self, usage: Usage) -> int:
        """Return what `usage` costs, in nano-dollars. Cached parts without a price cost as input."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        plain = usage.input - usage.cache_read - usage.cache_write
        return (
            max(plain, 0) * self.input
            + usage.cache_read * read
            + usage.cache_write * write
            + usage.output * self.output
        )


class Spend(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run has used so far. `uncertain` nanos were held for calls whose end nobody saw."""

    input: int = 0
    output: int = 0
    nanos: int = 0
    uncertain: int = 0
    model_calls: int = 0
    tool_calls: int = 0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input + self.output

    @property
    def owed(self) -> int:
        """Nanos that were spent or may have been."""
        return self.nanos + self.uncertain

    @property
    def usd(self) -> float:
        """Dollars, for showing only: sums are made in nanos."""
        return self.owed / NANOS_PER_USD

    def __add__(self, other: "Spend") -> "Spend":
        """Return both together."""
        return Spend(
            self.input + other.input,
            self.output + other.output,
            self.nanos + other.nanos,
            self.uncertain + other.uncertain,
            self.model_calls + other.model_calls,
            self.tool_calls + other.tool_calls,
        )


@lru_cache(maxsize=1024)  # limits and budgets are asked about at every step
def nanos(usd: float) -> int:
    """Return dollars as nano-dollars, rounded to the nearest; as written, not as the float has it."""
    return round(Decimal(repr(usd)) * NANOS_PER_USD)


class Hold(msgspec.Struct, frozen=True):
    """Money set aside before a step: `amount` nanos in `scope`, never past `limit` nanos.

    A scope names a shared budget and its window, such as `agent:reader/2026-11-23`.
    """

    scope: str
    amount: int
    limit: int
