"""Trace context, derived: a run is one trace, whoever works on it and however often it restarts.

Nothing is stored and nothing is passed on inside: the trace id comes from the run's id, a span's id
from the run's id and the name of what the span stands for. Two workers that see parts of the same
run therefore speak of the same trace without knowing of each other.

A call's name is what follows the run in its effect id: `seq/call`.
"""

from hashlib import sha256


def trace_id(run: str) -> str:
    """Return the trace of a run: 32 hex digits."""
    return sha256(f"trace {run}".encode()).hexdigest()[:32]


def span_id(run: str, call: str) -> str:
    """Return the span of one call of a run: 16 hex digits."""
    return sha256(f"span {run}/{call}".encode()).hexdigest()[:16]


def traceparent(run: str, call: str) -> str:
    """Return the W3C header that makes what a call causes elsewhere a part of the run's trace."""
    return f"00-{trace_id(run)}-{span_id(run, call)}-01"
