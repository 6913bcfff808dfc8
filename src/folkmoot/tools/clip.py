"""Clip: keep the beginning and the end of a text that is too long, and say what is missing."""

_HEAD = 2 / 3


def clip(text: str, limit: int) -> str:
    """Return at most about `limit` characters: two thirds from the start, one from the end."""
    if len(text) <= limit:
        return text
    head = int(limit * _HEAD)
    tail = limit - head
    note = f"\n[… {len(text) - limit:,} characters left out …]\n"
    return text[:head] + note + (text[-tail:] if tail else "")
