"""Choosing a trial by words, on a front of three trials and one dominated trial."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.reading import read_snapshot
from search.selection import select_trial, select_trials
from spaces.errors import SelectionError
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import build_candidate, build_failure, build_outcome, build_spec, run_trial

# Clean, robust, bytes; the reference point is 0, 0 and 1000.
RESULTS = [(0.9, 0.1, 900), (0.5, 0.2, 100), (0.8, 0.6, 300), (0.7, 0.5, 400)]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    engine = open_engine(str(tmp_path / "studies.db"))
    upgrade(engine)
    repository = Repository(engine)
    for name in ("tiny", "empty"):
        spec = build_spec(name=name)
        repository.create_study(
            name=name,
            spec=spec.model_dump(mode="json"),
            spec_fingerprint=spec.fingerprint,
            data={"name": "digits"},
            versions={},
        )
    study = repository.get_study("tiny")
    outcomes = [build_outcome(clean, robust, size_bytes=size) for clean, robust, size in RESULTS]
    for number, outcome in enumerate([*outcomes, build_failure("it broke")]):
        candidate = build_candidate(jr_weight=float(number))
        run_trial(ClaimRepository(engine), study.id, number, outcome, candidate=candidate)
    yield repository
    engine.dispose()


@pytest.mark.parametrize(
    ("selection", "number"),
    [
        ("best:clean_accuracy", 0),
        ("best:robust_accuracy", 2),
        ("best:size_bytes", 1),
        ("knee", 2),
        ("trial:0", 0),
        ("trial:3", 3),
    ],
)
def test_words_name_a_trial(repository, selection, number):
    assert select_trial(repository, "tiny", selection).number == number


@pytest.mark.parametrize(
    "selection",
    ["", "best", "best:", "best:macs", "knee:1", "trial:", "trial:-1", "trial:x", "trial:²", "trial:٣", "3"],
)
def test_other_words_are_answered_with_the_forms(repository, selection):
    with pytest.raises(
        SelectionError, match=r"a trial is chosen by knee, best:<objective> or trial:<number>.*size_bytes"
    ):
        select_trial(repository, "tiny", selection)


def test_failed_trial_cannot_be_chosen(repository):
    with pytest.raises(SelectionError, match=r"trial 4 of study 'tiny' is failed \(it broke\)"):
        select_trial(repository, "tiny", "trial:4")


@pytest.mark.parametrize("number", ["2147483648", "99999999999999999999", "9" * 5000])
def test_number_that_no_trial_can_have_is_refused(repository, number):
    with pytest.raises(SelectionError, match=r"at most 2147483647; got '[0-9]{10,50}'"):
        select_trial(repository, "tiny", f"trial:{number}")
    with pytest.raises(SelectionError, match="no trial 2147483647"):
        select_trial(repository, "tiny", "trial:2147483647")


def test_missing_trial_study_and_front_are_told_apart(repository):
    with pytest.raises(SelectionError, match="no trial 9"):
        select_trial(repository, "tiny", "trial:9")
    with pytest.raises(SelectionError, match=r"no study 'nope'.*'tiny', 'empty'"):
        select_trial(repository, "nope", "knee")
    with pytest.raises(SelectionError, match="study 'empty' has an empty front"):
        select_trial(repository, "empty", "knee")


def test_snapshot_reads_a_past_front(repository):
    now, before = read_snapshot(repository, "tiny"), read_snapshot(repository, "tiny", revision=1)
    assert now.front_numbers == (0, 1, 2)
    assert before.front_numbers == (0,)
    assert [revision.revision for revision in before.revisions] == [0, 1]
    assert len(before.trials) == len(now.trials) == 5


def test_several_words_name_each_trial_once_in_their_order(repository):
    chosen = select_trials(repository, "tiny", ["best:size_bytes", "knee", "trial:3", "front"])
    assert [trial.number for trial in chosen] == [1, 2, 3, 0]


def test_an_empty_front_cannot_be_selected(repository):
    with pytest.raises(SelectionError, match="study 'empty' has an empty front"):
        select_trials(repository, "empty", ["front"])
