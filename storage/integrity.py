"""Whether a database is sound as a database, whatever its tables mean."""

from sqlalchemy import Engine

from storage.sql import storage_errors

_MAX_FINDINGS = 20


def integrity_findings(engine: Engine) -> list[str]:
    """Read all of an SQLite file and return in words what is damaged; a server checks its own files.

    Raises:
        StorageError: the file is too damaged to be read.
    """
    if engine.dialect.name != "sqlite":
        return []
    with storage_errors(engine.url), engine.connect() as connection:
        lines = connection.exec_driver_sql(f"PRAGMA integrity_check({_MAX_FINDINGS})").scalars().all()
        damaged = [str(line) for line in lines if line != "ok"]
        if damaged:
            return damaged
        keys = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is missing" for row in keys]
