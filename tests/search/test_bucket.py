"""A database whose artifacts lie in a bucket, as `launch` and `db` open it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from search.bootstrap import create_memory, open_memory
from spaces.errors import SetupError
from storage.maintenance import check_database, repair_database
from storage.sql import open_engine
from tests.builders import build_outcome, create_study, run_trial
from tests.postgres_server import PostgresServer
from tests.s3_server import S3Server


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Engine]]:
    """The engines that a test's memories opened, which nobody disposes of before the process ends."""
    opened: list[Engine] = []

    def remember(url: str) -> Engine:
        opened.append(open_engine(url))
        return opened[-1]

    monkeypatch.setattr("search.bootstrap.open_engine", remember)
    yield opened
    for engine in opened:
        engine.dispose()


def repair(storage: str) -> None:
    repair_database(storage, min_age_s=0.0)


@pytest.mark.parametrize("command", [create_memory, open_memory, check_database, repair])
def test_bucket_that_cannot_be_opened_is_no_reason_to_take_a_folder(
    command: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = str(tmp_path / "studies.db")
    create_memory(storage)
    monkeypatch.setattr("storage.artifact_bucket.bucket_url", lambda _: "s3://bucket/studies")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(SetupError, match=r"SEARCH_ARTIFACTS=s3://bucket/studies: .*; install it"):
        command(storage)


@pytest.mark.slow
@pytest.mark.postgres
def test_files_go_into_the_bucket_and_are_checked_and_removed_there(
    postgres_server: PostgresServer, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket, storage = s3_server.create_bucket(), postgres_server.create_database()
    monkeypatch.setenv("SEARCH_ARTIFACTS", f"s3://{bucket}/studies")
    monkeypatch.chdir(tmp_path)
    memory = create_memory(storage)
    study = create_study(memory.repository)
    digest, stray = memory.artifacts.put(b"model"), memory.artifacts.put(b"stray")
    run_trial(memory.claims, study.id, 0, build_outcome(0.5, 0.5, size_bytes=500), artifacts={"model.h5": digest})

    found = check_database(storage)
    assert (found.is_good, found.n_unreferenced) == (True, 1)
    assert repair_database(storage, min_age_s=0.0).n_removed == 1
    keys = [each["Key"] for each in s3_server.client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == [f"studies/{digest[:2]}/{digest}"]
    assert stray not in open_memory(storage).artifacts.digests()

    s3_server.client.put_object(Bucket=bucket, Key=keys[0], Body=b"mode")
    (broken,) = check_database(storage).studies[0].artifacts
    assert f"s3://{bucket}/studies is damaged" in broken
    assert not any(tmp_path.iterdir())
