"""Priors, inherited weights and another study's trials, as processes of their own; one of them is killed on the way."""

import subprocess
import time
from pathlib import Path

import pytest

from search.bootstrap import open_memory
from storage.records import TrialRecord, TrialState
from tests.integration.tiny import GUARD_S, TRIALS, clean_environment, run_search, search_command, write_tiny

pytestmark = pytest.mark.slow

WARM = {"[budget]": "[warm_start]\npriors = 2\ninherit = true\n[budget]"}
LAUNCH = ("launch", "--study", "tiny.toml")


def stored_trials(folder: Path, study: str = "tiny") -> list[TrialRecord]:
    if not (folder / "studies.db").exists():
        return []
    repository = open_memory(str(folder / "studies.db")).repository
    found = repository.find_study(study)
    return [] if found is None else repository.trials(found.id)


def kill_in_trial(folder: Path, number: int) -> None:
    """Launch, and kill the process once it has begun the trial; earlier trials are then finished."""
    process = subprocess.Popen(
        search_command(*LAUNCH), cwd=folder, env=clean_environment(), stdout=subprocess.DEVNULL, text=True
    )
    deadline = time.monotonic() + GUARD_S
    try:
        while number not in {record.number for record in stored_trials(folder)}:
            assert process.poll() is None, "the launch ended before the trial"
            assert time.monotonic() < deadline, "the trial did not begin"
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    assert stored_trials(folder)[-1].state is TrialState.RUNNING


def test_killed_study_tries_the_same_priors_from_the_same_starts(tmp_path: Path) -> None:
    untouched, killed = tmp_path / "untouched", tmp_path / "killed"
    for folder in (untouched, killed):
        folder.mkdir()
        write_tiny(folder, WARM)
    assert run_search(*LAUNCH, folder=untouched).returncode == 0
    for number in (1, 2, 4):
        kill_in_trial(killed, number)
    assert run_search(*LAUNCH, folder=killed).returncode == 0

    expected = stored_trials(untouched)
    assert [record.state for record in expected] == [TrialState.COMPLETE] * TRIALS
    assert [record.details["start"]["taken"] for record in expected[:2]] == ["parent", "parent"]
    assert all({"nearest", "parent_loss", "kept_loss"} <= record.details["start"].keys() for record in expected[2:])
    priors = [record.candidate for record in expected[2:4]]
    assert {bits.activation_bits for prior in priors for bits in prior.policies.values()} <= {8, None}  # cost no byte
    found = stored_trials(killed)
    for record, other in zip(expected, found, strict=True):
        assert (other.number, other.candidate, other.measurement) == (
            record.number,
            record.candidate,
            record.measurement,
        )
        assert other.details["start"] == record.details["start"]

    # Another study begins with what this one found, and says which.
    write_tiny(untouched, {'name = "tiny"': 'name = "second"'}, name="second.toml")
    second = run_search("launch", "--study", "second.toml", "--warm-start", "tiny", "--trials", "3", folder=untouched)
    assert second.returncode == 0
    assert second.stderr.startswith("tried early, of study 'tiny': trial")
    tried = stored_trials(untouched, "second")[2].candidate
    assert tried in [record.candidate for record in expected[2:]]
