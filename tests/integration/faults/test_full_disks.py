"""A disk that is full while trained models are stored, and has room again later."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage.records import TrialState

pytestmark = pytest.mark.slow

TRIALS = 8


def check_given_back(study, *, reason: str) -> None:
    """The first trial is nobody's, and nothing of the budget is spent."""
    assert [(record.number, record.state) for record in study.results()] == [(0, TrialState.RUNNING)]
    assert reason in study.logs()
    assert "check the disk's free space" in study.logs()


def check_results(study) -> None:
    study.check()
    assert study.results(TrialState.FAILED) == []
    assert len(study.results(TrialState.COMPLETE)) == TRIALS


def test_models_over_a_file_limit_end_the_worker_until_it_is_lifted(tmp_path, make_study):
    """The system refuses to let a file grow, which needs no rights and no disk of its own."""
    study = make_study(f"sqlite:///{tmp_path}/studies.db", trials=TRIALS)
    # The database and its log stay below the limit.
    with study.fleet(model_bytes=12_000_000, file_limit_bytes=8_000_000) as fleet:
        fleet.start("w0")
        assert fleet.exit_codes() == {"w0": 1}
    check_given_back(study, reason="File too large")
    with study.fleet(model_bytes=12_000_000) as fleet:
        fleet.start("w0")
        assert fleet.exit_codes() == {"w0": 0}
    check_results(study)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB in the place of the artifacts."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting a file system needs root: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk_ends_the_worker_until_there_is_room(tmp_path, make_study, small_disk):
    study = make_study(f"sqlite:///{tmp_path}/studies.db", trials=TRIALS)
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    with study.fleet(model_bytes=10_000) as fleet:
        fleet.start("w0")
        assert fleet.exit_codes() == {"w0": 1}
        check_given_back(study, reason="No space left on device")
        filler.unlink()
        fleet.start("w0")
        assert fleet.exit_codes() == {"w0": 0}
    check_results(study)
