"""One tiny study for all: launched once, by a process of its own."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from search.bootstrap import Memory, open_memory
from storage.records import TrialRecord
from tests.integration.tiny import TRIALS, run_search, write_tiny


@dataclass(frozen=True)
class TinyStudy:
    """The study's folder with `tiny.toml`, `studies.db` and `studies.artifacts`, and how its launch ended."""

    folder: Path
    launched: "subprocess.CompletedProcess[str]"

    @property
    def database(self) -> Path:
        return self.folder / "studies.db"

    @property
    def memory(self) -> Memory:
        return open_memory(str(self.database))

    def trials(self) -> list[TrialRecord]:
        repository = self.memory.repository
        return repository.trials(repository.get_study("tiny").id)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny(folder)
    return TinyStudy(folder, run_search("launch", "--study", "tiny.toml", folder=folder))


@pytest.fixture(scope="session")
def infeasible(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    """The two baselines and a third trial, none of them feasible: the third's model is not kept."""
    folder = tmp_path_factory.mktemp("infeasible")
    write_tiny(folder, {"clean_accuracy >= 0.3": "clean_accuracy >= 1.1", f"trials = {TRIALS}": "trials = 3"})
    return TinyStudy(folder, run_search("launch", "--study", "tiny.toml", folder=folder))
