"""Brings a database to the schema of this package; the steps are in `versions`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from spaces.errors import StorageError
from storage.schema import VERSION_TABLE
from storage.sql import masked, storage_errors, write_engine

# Any fixed number, agreed on by all processes that upgrade.
_ADVISORY_LOCK = 20260401


def upgrade(engine: Engine) -> None:
    """Create or upgrade our tables in one transaction; other tables of the database are not looked at.

    A database that is up to date is only read. Of two processes that start together, one waits for the other.

    Raises:
        StorageError: the database fails, or a newer version of this package wrote its schema.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with storage_errors(engine.url):
        with engine.connect() as connection:
            if _is_current(connection, scripts):
                return
        with write_engine(engine).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            if not _is_current(connection, scripts):
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


def _is_current(connection: Connection, scripts: ScriptDirectory) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    stored = set(context.get_current_heads())
    known = {script.revision for script in scripts.walk_revisions()}
    if not stored <= known:
        raise StorageError(
            f"database {masked(connection.engine.url)} was written by a newer version of this package "
            f"(schema {', '.join(sorted(stored - known))}, known up to {scripts.get_current_head()}); "
            "update the package."
        )
    return stored == set(scripts.get_heads())
