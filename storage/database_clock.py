"""The database's clock, the one clock that all workers of a study share."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Double, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement


class DatabaseSeconds(FunctionElement[float]):
    """Seconds since 1970 by the database's clock, as a part of a statement.

    It is the moment at which the statement runs, not the one at which its transaction began: a transaction may have
    waited for a lock in between.
    """

    type = Double()
    inherit_cache = True


@compiles(DatabaseSeconds, "postgresql")
def _postgresql_seconds(*_: Any, **__: Any) -> str:
    return "EXTRACT(EPOCH FROM clock_timestamp())::double precision"


@compiles(DatabaseSeconds, "sqlite")
def _sqlite_seconds(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


def database_seconds(session: Session) -> float:
    """Return the seconds since 1970 by the database's clock."""
    return session.scalars(select(DatabaseSeconds())).one()


def moment(seconds: float) -> datetime:
    """Return seconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
