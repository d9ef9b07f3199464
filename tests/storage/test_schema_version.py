import shutil
from pathlib import Path

import pytest

from storage.migrations import upgrade
from storage.schema_version import known_revisions, stored_revision
from storage.sql import open_engine

FILES = sorted((Path(__file__).parent / "fixtures").glob("schema_*.db"))


def test_known_revisions_begin_with_the_first_and_end_with_the_present_one(engine):
    known = known_revisions()
    assert known[0] == "0001"
    assert known[-1] == stored_revision(engine)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_revision_of_an_old_file_is_told_and_stays(file, database):
    shutil.copy(file, database)
    engine = open_engine(str(database))
    assert stored_revision(engine) == stored_revision(engine) == file.stem.removeprefix("schema_")
    upgrade(engine)
    assert stored_revision(engine) == known_revisions()[-1]
    engine.dispose()


def test_database_without_our_tables_has_no_revision(database):
    engine = open_engine(str(database))
    assert stored_revision(engine) is None
    engine.dispose()
