"""A stored specification or a database file that was cut off or changed: it is said, and nothing is trained on it."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spaces.errors import StorageError
from storage.maintenance import check_database
from tests.integration.faults.sleeping_study import NAME, SleepingStudy

pytestmark = pytest.mark.slow

TRIALS = 3


@pytest.fixture
def study(tmp_path: Path, make_study: Callable[..., SleepingStudy]) -> SleepingStudy:
    """A study whose trials are finished, in a file that nobody has open."""
    study = make_study(f"sqlite:///{tmp_path}/studies.db", trials=TRIALS)
    assert run_worker(study, "first") == (0, "")
    study.close()
    return study


def run_worker(study: SleepingStudy, name: str) -> tuple[int | None, str]:
    """Return how a worker ended and what it said."""
    with study.fleet(pause_s=(0.0, 0.0)) as fleet:
        fleet.start(name)
        return fleet.exit_codes()[name], fleet.log(name)


def execute(study: SleepingStudy, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(study.folder / "studies.db")) as connection, connection:
        return connection.execute(statement, values).fetchall()


def test_changed_specification_is_known_by_its_hash(study):
    ((stored,),) = execute(study, "SELECT spec FROM cosearch_studies")
    spec = json.loads(stored)
    # Valid as a specification, but of another study.
    changed = {**spec, "constraints": [], "budget": {"trials": TRIALS + 1}}
    execute(study, "UPDATE cosearch_studies SET spec = ?", json.dumps(changed))
    code, said = run_worker(study, "second")
    assert code == 1
    assert "StudyMismatchError: study 'sleeping' has a specification with the fingerprint" in said
    assert "it was damaged or changed in the database" in said
    assert len(study.results()) == TRIALS


def test_truncated_specification_is_an_error_in_words(study):
    execute(study, "UPDATE cosearch_studies SET spec = substr(spec, 1, length(spec) - 30)")
    code, said = run_worker(study, "second")
    assert code == 1
    assert "StorageError: database sqlite:///" in said
    assert "a stored value is no JSON" in said
    with pytest.raises(StorageError, match="the file is damaged; restore a copy"):
        study.repository.get_study(NAME)


@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.6])
def test_truncated_database_file_is_refused(study, part):
    """The part of the file that is left; an empty file is an empty database."""
    database = study.folder / "studies.db"
    os.truncate(database, int(part * database.stat().st_size))
    code, said = run_worker(study, "second")
    assert code == 1
    assert ("no such table" if part == 0 else "the file is damaged; restore a copy") in said
    if part:
        with pytest.raises(StorageError, match="the file is damaged; restore a copy"):
            check_database(str(database))


@pytest.mark.parametrize("n_bytes", [1, 300, 4095])
def test_missing_end_of_the_last_page_is_found_by_the_check(study, n_bytes):
    """SQLite itself reads the page as if it ended in zeros."""
    database = study.folder / "studies.db"
    os.truncate(database, database.stat().st_size - n_bytes)
    found = check_database(str(database))
    assert found.damage
    assert not found.is_good
