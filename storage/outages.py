"""Which errors of a database are outages, after which the same call may succeed, and which are mistakes."""

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_SQLITE_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SQLSTATE_CLASSES = {
    "08",  # connection exception
    "40",  # transaction rollback: serialization failure, deadlock
}
_SQLSTATES = {
    "25P03",  # idle in transaction for too long
    "53300",  # too many connections
    "55P03",  # a lock was not free in time
    "57014",  # a statement took too long
    "57P01",  # the server is being stopped
    "57P02",  # the server crashed
    "57P03",  # the server is starting
    "57P05",  # idle session timeout
}
_IN_FAILED_TRANSACTION = "25P02"

# libpq gives no SQLSTATE for a connection that did not come about. A server that refuses one says FATAL and why, in
# English unless it was told otherwise; these reasons pass, a wrong password or a missing database does not.
_FATAL_OUTAGES = (
    "is starting up",
    "is shutting down",
    "in recovery mode",
    "not yet accepting connections",
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "terminating connection",
)
_UNKNOWN_HOST = ("Name or service not known", "No address associated", "nodename nor servname")


def is_outage(error: DBAPIError) -> bool:
    """Return whether a database was away or busy, so that the call that failed may be made again."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return getattr(original, "sqlite_errorcode", 0) & 0xFF in _SQLITE_CODES
    sqlstate = getattr(original, "sqlstate", None)
    if sqlstate is not None:
        return sqlstate in _SQLSTATES or sqlstate[:2] in _SQLSTATE_CLASSES
    if error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError) and _is_lost_connection(str(original))


def passes(error: BaseException | None) -> bool:
    """Return whether an error that another library made of a database's error goes away when its call is made again.

    So it is after an outage, after a wait for a free connection, and after a race in which another process wrote the
    same row first. What the error was made of is found through its chain of causes; where a library went on in a
    transaction that had failed, it is the error that made it fail.
    """
    while error is not None:
        if isinstance(error, IntegrityError | PoolTimeoutError):
            return True
        if _is_aftermath(error):
            error = _first_failure(error)
        elif isinstance(error, DBAPIError):
            return is_outage(error)
        else:
            error = error.__cause__
    return False


def _is_aftermath(error: BaseException | None) -> bool:
    """Return whether an error only says that its transaction had failed before."""
    return isinstance(error, PendingRollbackError) or (
        isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _IN_FAILED_TRANSACTION
    )


def _first_failure(error: BaseException) -> BaseException | None:
    """Return the database's error that was being handled when an error came up; None where that was none."""
    earlier = error.__context__
    while earlier is not None and (_is_aftermath(earlier) or not isinstance(earlier, DBAPIError)):
        earlier = earlier.__context__
    return earlier


def _is_lost_connection(text: str) -> bool:
    if any(words in text for words in _UNKNOWN_HOST):
        return False
    return "FATAL" not in text or any(words in text for words in _FATAL_OUTAGES)
