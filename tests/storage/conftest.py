"""A database file, and a repository on it, for every test that asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.migrations import upgrade
from storage.records import StudyRecord
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import build_spec


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "studies.db"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    engine = open_engine(str(database))
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def repository(engine: Engine) -> Repository:
    return Repository(engine)


@pytest.fixture
def study(repository: Repository) -> StudyRecord:
    spec = build_spec()
    return repository.create_study(
        name="tiny",
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data={"name": "digits"},
        versions={},
    )
