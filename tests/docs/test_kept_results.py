"""The searches that the repository keeps: small, of this version's tables, and the same after they were read."""

import hashlib
import shutil
from pathlib import Path

import pytest

from search.bootstrap import open_memory

RESULTS = Path(__file__).parents[2] / "docs" / "results"
LIMIT_BYTES = 20_000_000


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("path", sorted(RESULTS.rglob("studies.db")), ids=lambda path: path.parent.name)
def test_reading_a_kept_database_changes_nothing(path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(path, tmp_path))
    memory = open_memory(str(copy))
    assert [study.name for study in memory.repository.studies() if memory.repository.front(study.id)]
    assert digest(copy) == digest(path)


def test_kept_results_are_small() -> None:
    files = [path for path in RESULTS.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
    assert files
    assert sum(path.stat().st_size for path in files) < LIMIT_BYTES
