"""What PostgreSQL's errors mean for us."""

import asyncpg

from folkmoot.core.errors import FolkmootError, StoreFault, StoreFull

_KEPT = "Everything that was written before; this write was taken back whole."
_TODO = "See that PostgreSQL runs and lets us in (`folkmoot doctor`)."
_MISBELIEVED = "FM001"
_CLOSED = "FM002"


def misjudged(fault: BaseException) -> bool:
    """Whether another process changed the rows that a batch was decided by: decide it again."""
    if isinstance(
        fault,
        asyncpg.IntegrityConstraintViolationError | asyncpg.exceptions.TransactionRollbackError,
    ):
        return True
    return getattr(fault, "sqlstate", None) == _MISBELIEVED


def unusable(fault: BaseException) -> bool:
    """Whether it lies in the values of one set, and its neighbours could be written."""
    if isinstance(fault, asyncpg.DataError | asyncpg.exceptions.DataError | UnicodeError):
        return True
    return isinstance(
        fault,
        asyncpg.IntegrityConstraintViolationError | asyncpg.exceptions.ProgramLimitExceededError,
    )


def lost(fault: BaseException) -> bool:
    """Whether the connection is gone, or gone for us: nobody knows what became of a commit."""
    if isinstance(fault, asyncpg.exceptions.QueryCanceledError):
        return False
    if isinstance(fault, asyncpg.InterfaceError) and not isinstance(fault, ValueError):
        return True
    if getattr(fault, "sqlstate", None) == _CLOSED:
        return True
    return isinstance(
        fault,
        asyncpg.PostgresConnectionError
        | asyncpg.exceptions.IdleInTransactionSessionTimeoutError
        | asyncpg.exceptions.OperatorInterventionError
        | asyncpg.exceptions.TooManyConnectionsError
        | asyncpg.InternalClientError
        | OSError
        | TimeoutError,
    )


def away(place: str, fault: BaseException | str, kept: str = _KEPT) -> StoreFault:
    """Return the error for a database that does not answer."""
    return StoreFault(f"PostgreSQL at {place} does not answer: {fault}.", kept=kept, todo=_TODO)


def translated(fault: BaseException, place: str) -> FolkmootError:
    """Return a store's error for one of the database's own."""
    if isinstance(fault, FolkmootError):
        return fault
    if isinstance(fault, asyncpg.exceptions.DiskFullError):
        return StoreFull(f"The disk of PostgreSQL at {place} is full.", kept=_KEPT)
    if lost(fault):
        return away(place, fault)
    return StoreFault(f"PostgreSQL at {place} refused: {fault}.", kept=_KEPT, todo=_TODO)
