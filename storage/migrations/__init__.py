"""Brings a database to the schema of this package; the steps are in `versions`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from spaces.errors import StorageError
from storage.schema_version import known_revisions, read_revision
from storage.sql import masked, storage_errors, write_engine

# Any fixed number, agreed on by all processes that upgrade.
_ADVISORY_LOCK = 20260401


def upgrade(engine: Engine) -> None:
    """Create or upgrade our tables in one transaction; other tables of the database are not looked at.

    A database that is up to date is only read. Of two processes that start together, one waits for the other.

    Raises:
        StorageError: the database fails, or a newer version of this package wrote its schema.
    """
    with storage_errors(engine.url):
        with engine.connect() as connection:
            if _is_current(connection):
                return
        with write_engine(engine).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            if not _is_current(connection):
                config = Config()
                config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    stored, known = read_revision(connection), known_revisions()
    if stored is not None and stored not in known:
        raise StorageError(
            f"database {masked(connection.engine.url)} was written by a newer version of this package "
            f"(schema {stored}, known up to {known[-1]}); update the package."
        )
    return stored == known[-1]
