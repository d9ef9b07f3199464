import pytest
from sqlalchemy import text

from spaces.errors import StorageError
from storage.integrity import integrity_findings
from storage.sql import open_engine, write_engine


def test_sound_file_has_no_findings(engine, study):
    assert integrity_findings(engine) == []


def test_row_that_refers_to_nothing_is_found(engine, study):
    with write_engine(engine).connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("DELETE FROM cosearch_studies")
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("BEGIN")
    (finding,) = integrity_findings(engine)
    assert finding == "row 1 of cosearch_revisions refers to a row of cosearch_studies that is missing"


def overwrite(database, *, page: int) -> None:
    with database.open("r+b") as file:
        file.seek(page * 4096)
        file.write(b"\xa5" * 4096)


def checkpoint(engine):
    """Bring the write-ahead log into the file."""
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()


def findings(database):
    engine = open_engine(str(database))
    try:
        return integrity_findings(engine)
    finally:
        engine.dispose()


def test_index_that_misses_rows_is_found(engine, study, database):
    with write_engine(engine).begin() as connection:
        connection.execute(text("CREATE TABLE notes (note TEXT)"))
        connection.execute(text("CREATE INDEX of_notes ON notes (note)"))
        connection.execute(text("CREATE TABLE others (note TEXT)"))
        connection.execute(text("CREATE INDEX of_others ON others (note)"))
        connection.execute(text("INSERT INTO notes VALUES ('a'), ('b')"))
        empty = "(SELECT rootpage FROM sqlite_schema WHERE name = 'of_others')"
        connection.execute(text("PRAGMA writable_schema = ON"))
        connection.execute(text(f"UPDATE sqlite_schema SET rootpage = {empty} WHERE name = 'of_notes'"))
    engine.dispose()
    assert "row 1 missing from index of_notes" in findings(database)


def test_damaged_page_is_refused(engine, study, database):
    with write_engine(engine).begin() as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT)"))
        connection.execute(text("INSERT INTO notes (note) VALUES (:note)"), [{"note": "n" * 3000}] * 30)
    checkpoint(engine)
    overwrite(database, page=database.stat().st_size // 4096 - 3)
    with pytest.raises(StorageError, match="the file is damaged; restore a copy"):
        findings(database)


def test_truncated_file_is_refused(engine, study, database):
    checkpoint(engine)
    with database.open("r+b") as file:
        file.truncate(database.stat().st_size // 2)
    with pytest.raises(StorageError, match="the file is damaged; restore a copy"):
        findings(database)
