"""What a broker tells the operator."""


def warn(event: str, **fields: object) -> None:
    """Write a line. The caller sees to it that no field holds a secret."""
    import structlog  # noqa: PLC0415 - only when there is something to say

    structlog.get_logger("folkmoot").warning(event, **fields)
