"""An empty database of every kind, and studies in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.faults.sleeping_study import SleepingStudy
from tests.postgres_server import PostgresServer, running_server

SQLITE, POSTGRES = "sqlite", "postgres"


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRES, marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == SQLITE:
        return f"sqlite:///{tmp_path}/studies.db"
    url: str = request.getfixturevalue("postgres_server").create_database()
    return url


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop without harm to others."""
    with running_server() as server:
        yield server


@pytest.fixture
def make_study(tmp_path: Path) -> Iterator[Callable[..., SleepingStudy]]:
    """Return `SleepingStudy` in a folder of the test, whose connections are closed at its end."""
    made: list[SleepingStudy] = []

    def make(url: str, **arguments: int | str) -> SleepingStudy:
        made.append(SleepingStudy(url, tmp_path, **arguments))
        return made[-1]

    yield make
    for study in made:
        study.close()
