"""Which schema a database has, and which one this package knows; nothing is changed."""

from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from storage.schema import VERSION_TABLE
from storage.sql import storage_errors

_SCRIPTS = Path(__file__).parent / "migrations"


def stored_revision(engine: Engine) -> str | None:
    """Return the revision of a database's tables, None where it has none of ours.

    Raises:
        StorageError: the database failed.
    """
    with storage_errors(engine.url), engine.connect() as connection:
        return read_revision(connection)


def read_revision(connection: Connection) -> str | None:
    """Return the revision of a database's tables within a transaction, None where it has none of ours."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def known_revisions() -> tuple[str, ...]:
    """Return the revisions that this package knows, oldest first."""
    scripts = ScriptDirectory(str(_SCRIPTS))
    return tuple(script.revision for script in scripts.walk_revisions())[::-1]
