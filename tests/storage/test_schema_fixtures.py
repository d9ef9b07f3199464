"""The kept database files, which prove the upgrades: one of every earlier schema, with something in every table."""

import sqlite3
from contextlib import closing
from pathlib import Path

from storage.schema import VERSION_TABLE
from storage.schema_version import known_revisions
from tests.storage.make_schema_fixture import write_fixture

FILES = sorted((Path(__file__).parent / "fixtures").glob("schema_*.db"))


def revision_and_row_counts(file: Path) -> tuple[str, dict[str, int]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
        (revision,) = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    return revision, counts


def test_every_earlier_schema_has_a_file():
    assert [file.stem.removeprefix("schema_") for file in FILES] == list(known_revisions()[:-1])


def test_every_file_is_of_its_schema_and_has_a_row_in_every_table():
    for file in FILES:
        revision, counts = revision_and_row_counts(file)
        assert file.stem == f"schema_{revision}"
        assert all(counts.values()), counts


def test_file_for_the_present_schema_will_have_a_row_in_every_table(tmp_path):
    write_fixture(tmp_path / "studies.db")
    revision, counts = revision_and_row_counts(tmp_path / "studies.db")
    assert revision == known_revisions()[-1]
    assert all(counts.values()), counts
