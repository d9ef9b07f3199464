"""An empty database of every kind, brought to the present schema, for every contract test that asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.migrations import upgrade
from storage.sql import open_engine

SQLITE, POSTGRES = "sqlite", "postgres"


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRES, marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == SQLITE:
        return f"sqlite:///{tmp_path}/studies.db"
    url: str = request.getfixturevalue("postgres_server").create_database()
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    upgrade(engine)
    yield engine
    engine.dispose()
