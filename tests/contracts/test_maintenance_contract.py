"""Looking after a database that has lost everything, or never had anything."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from spaces.errors import StorageError
from storage.maintenance import check_database, upgrade_database


def test_empty_database_is_not_good_and_gets_no_tables(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        Path(make_url(database_url).database or "").touch()
    for _ in range(2):
        with pytest.raises(StorageError, match="is empty or not one of this package: it has no tables of studies"):
            check_database(database_url)
    assert upgrade_database(database_url).before is None
    assert check_database(database_url).is_good
