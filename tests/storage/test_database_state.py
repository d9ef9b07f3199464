import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from spaces.errors import StorageError
from storage.database_state import database_content, database_place

OLD = Path(__file__).parent / "fixtures" / "schema_0001.db"


def test_place_of_a_file_that_is_not_there_is_told_and_not_made(database):
    place = database_place(str(database))
    assert (place.file, place.is_wal) == (database, None)
    assert place.artifacts == database.with_suffix(".artifacts")
    assert not database.exists()


def test_write_ahead_log_is_read_from_the_file(engine, database):
    assert database_place(str(database)).is_wal


def test_file_without_a_write_ahead_log_stays_without(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    assert [database_place(str(database)).is_wal for _ in range(2)] == [False, False]


def test_server_has_no_file_and_its_password_is_masked():
    place = database_place("postgresql://me:secret@db:5432/studies")
    assert (place.file, place.is_wal, place.file_system) == (None, None, None)
    assert place.url == "postgresql+psycopg://me:***@db:5432/studies"


def test_text_that_is_no_url_is_refused_without_its_password():
    with pytest.raises(StorageError, match="is no database URL") as raised:
        database_place("postgresql://me:secret@db:port/studies")
    assert "secret" not in str(raised.value)


def test_content_of_the_present_schema_has_its_studies(engine, study, database):
    content = database_content(str(database))
    assert content.revision == content.known_revisions[-1]
    assert [record.name for record in content.studies or ()] == ["tiny"]


def test_old_schema_is_told_and_stays(database):
    shutil.copy(OLD, database)
    for _ in range(2):
        content = database_content(str(database))
        assert (content.revision, content.studies) == ("0001", None)
