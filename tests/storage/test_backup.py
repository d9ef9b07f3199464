import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine, make_url

from spaces.errors import ArtifactError, SetupError, StorageError
from spaces.work_steps import WorkSteps
from storage.artifacts import ArtifactStore
from storage.backup import backup
from storage.claims import ClaimRepository
from storage.records import StudyRecord
from storage.repository import Repository
from storage.sql import open_engine, write_engine
from storage.study_check import StudyChecker
from tests.builders import build_outcome, claim_trial, run_trial


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "studies.artifacts")


@pytest.fixture
def digest(engine: Engine, study: StudyRecord, artifacts: ArtifactStore) -> str:
    claims, digest = ClaimRepository(engine), artifacts.put(b"model")
    outcome = build_outcome(0.5, 0.5, size_bytes=500)
    claims.finish(claim_trial(claims, study.id, 0).lease, outcome, artifacts={"model.h5": digest})
    return digest


def test_copy_holds_everything_and_stands_alone(
    engine: Engine, repository: Repository, study: StudyRecord, artifacts: ArtifactStore, digest: str, tmp_path: Path
) -> None:
    artifacts.put(b"stray")
    (tmp_path / "copies").mkdir()
    path = tmp_path / "copies" / "monday.db"
    expected = repository.trials(study.id), repository.front(study.id), repository.revisions(study.id)
    made = backup(engine, artifacts, path=path)
    assert (made.database, made.artifacts, made.n_artifacts) == (path, path.with_suffix(".artifacts"), 1)
    shutil.rmtree(artifacts.root)
    copy, files = open_engine(str(path)), ArtifactStore(made.artifacts)
    copied = Repository(copy)
    assert (copied.trials(study.id), copied.front(study.id), copied.revisions(study.id)) == expected
    assert files.digests() == {digest}
    assert StudyChecker(copy, files).check(study.id).is_good
    copy.dispose()
    assert sorted(file.name for file in path.parent.iterdir()) == ["monday.artifacts", "monday.db"]


@pytest.mark.usefixtures("digest")
def test_backup_tells_of_its_files_and_then_of_the_database(
    engine: Engine, artifacts: ArtifactStore, tmp_path: Path
) -> None:
    told: list[WorkSteps] = []
    backup(engine, artifacts, path=tmp_path / "copy.db", on_steps=told.append)
    assert told == [
        WorkSteps(what="copying files", noun="files", done=0, total=1),
        WorkSteps(what="copying the database", noun="files"),
    ]


def test_backup_does_not_wait_for_a_writer(
    engine: Engine, artifacts: ArtifactStore, digest: str, tmp_path: Path
) -> None:
    with write_engine(engine).begin() as connection:
        connection.exec_driver_sql("UPDATE cosearch_studies SET name = 'half'")
        made = backup(engine, artifacts, path=tmp_path / "copy.db")
    copy = open_engine(str(made.database))
    assert [study.name for study in Repository(copy).studies()] == ["tiny"]
    copy.dispose()


def test_nothing_is_overwritten(engine: Engine, artifacts: ArtifactStore, digest: str, tmp_path: Path) -> None:
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    with pytest.raises(SetupError, match=r"taken\.db exists already"):
        backup(engine, artifacts, path=taken)
    assert taken.read_text() == "mine"
    (tmp_path / "free.artifacts").mkdir()
    with pytest.raises(SetupError, match=r"free\.artifacts exists already"):
        backup(engine, artifacts, path=tmp_path / "free.db")
    assert artifacts.digests() == {digest}


def test_damaged_file_is_not_copied_silently(
    engine: Engine, study: StudyRecord, artifacts: ArtifactStore, digest: str, tmp_path: Path
) -> None:
    outcome, other = build_outcome(0.75, 0.75, size_bytes=500), artifacts.put(b"other")
    run_trial(ClaimRepository(engine), study.id, 1, outcome, artifacts={"model.h5": other})
    damaged = max(digest, other)  # the second that is copied
    content = artifacts.get(damaged)
    artifacts.path(damaged).write_bytes(content[:-1])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ArtifactError, match="is damaged"):
        backup(engine, artifacts, path=tmp_path / "copy.db")
    assert sorted(tmp_path.iterdir()) == before
    artifacts.put(content)
    assert backup(engine, artifacts, path=tmp_path / "copy.db").n_artifacts == 2


def test_missing_folder_is_named(engine: Engine, artifacts: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot be copied to .*nowhere"):
        backup(engine, artifacts, path=tmp_path / "nowhere" / "copy.db")


def test_server_is_left_to_its_own_tools(artifacts: ArtifactStore, tmp_path: Path) -> None:
    url = make_url("postgresql+psycopg://user:s3cret@host/name")
    server = cast(Any, SimpleNamespace(dialect=SimpleNamespace(name="postgresql"), url=url))
    with pytest.raises(SetupError, match=r"pg_dump --format=custom .* copy the folder .*studies\.artifacts") as caught:
        backup(server, artifacts, path=tmp_path / "copy.db")
    assert "s3cret" not in str(caught.value)
