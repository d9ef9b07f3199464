"""What the contract does not say: atomicity, kills, concurrency, any order of arrival, and indices."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text

from storage import front_ledger
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.records import StudyRecord, TrialOutcome, TrialState
from storage.repository import Repository
from storage.schema import FrontEntryRow, RevisionRow, TrialRow
from storage.sql import open_engine, write_engine
from tests.builders import (
    build_candidate,
    build_failure,
    build_measurement,
    build_outcome,
    build_spec,
    check_front,
    claim_trial,
    run_trial,
)

ROOT = Path(__file__).parents[2]
QUARTERS = st.integers(1, 4)
RESULTS = st.lists(st.tuples(QUARTERS, QUARTERS, QUARTERS), max_size=8)

Cells = tuple[int, int, int]


@pytest.fixture(scope="module")
def make_study(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], tuple[Repository, ClaimRepository, StudyRecord]]]:
    engine = open_engine(str(tmp_path_factory.mktemp("property") / "studies.db"))
    upgrade(engine)
    repository, claims, numbers = Repository(engine), ClaimRepository(engine), count()

    def make() -> tuple[Repository, ClaimRepository, StudyRecord]:
        spec = build_spec(constraints=["clean_accuracy >= 0.5"])
        dump = spec.model_dump(mode="json")
        name = f"s{next(numbers)}"
        study = repository.create_study(name=name, spec=dump, spec_fingerprint=spec.fingerprint, data={}, versions={})
        return repository, claims, study

    yield make
    engine.dispose()


@pytest.fixture
def claims(engine: Engine) -> ClaimRepository:
    return ClaimRepository(engine)


def outcome_of(cells: Cells) -> TrialOutcome:
    clean, robust, size = cells
    return build_outcome(clean / 4, robust / 4, size_bytes=1000 - 250 * size)


def dominated_cells(results: list[Cells]) -> int:
    """Count unit cells below the results, an implementation of its own; one cell is 1/4 * 1/4 * 250 bytes."""
    cells = {
        (clean, robust, size)
        for result in results
        for clean in range(result[0])
        for robust in range(result[1])
        for size in range(result[2])
    }
    return len(cells)


def front_of(results: dict[int, Cells]) -> list[int]:
    def beats(first: Cells, second: Cells) -> bool:
        return first != second and all(one >= other for one, other in zip(first, second, strict=True))

    return [number for number, own in results.items() if not any(beats(other, own) for other in results.values())]


@settings(max_examples=20, deadline=None)
@given(results=RESULTS, order=st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_batch_front(make_study, results, order) -> None:
    repository, claims, study = make_study()
    arrivals = list(enumerate(results))
    order.shuffle(arrivals)
    arrived: dict[int, Cells] = {}
    history = {0: ([], 0)}
    for number, cells in arrivals:
        run_trial(claims, study.id, number, outcome_of(cells))
        if cells[0] >= 2:
            arrived[number] = cells
        history[repository.revisions(study.id)[-1].revision] = (
            sorted(front_of(arrived)),
            dominated_cells(list(arrived.values())),
        )
    for revision in repository.revisions(study.id):
        numbers, n_cells = history[revision.revision]
        assert [trial.number for trial in repository.front(study.id, revision=revision.revision)] == numbers
        assert revision.hypervolume == n_cells * 0.25 * 0.25 * 250
        assert revision.size == len(numbers)
    feasible = {number: cells for number, cells in enumerate(results) if cells[0] >= 2}
    assert [trial.number for trial in repository.front(study.id)] == front_of(feasible)
    assert check_front(repository, study.id) == []


def test_failure_inside_finish_changes_nothing(
    repository: Repository, claims: ClaimRepository, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_trial(claims, study.id, 0, build_outcome(0.5, 0.5, size_bytes=500))
    claim = claim_trial(claims, study.id, 1)
    before = repository.trials(study.id), repository.front(study.id), repository.revisions(study.id)

    def fail(*_: object) -> float:
        raise RuntimeError("in the middle")

    better = build_outcome(0.75, 0.75, size_bytes=250)
    with monkeypatch.context() as patched:
        patched.setattr(front_ledger, "hypervolume", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            claims.finish(claim.lease, better)
    assert (repository.trials(study.id), repository.front(study.id), repository.revisions(study.id)) == before
    assert repository.trial(study.id, 1) == claim.trial
    claims.finish(claim.lease, better)
    assert [trial.number for trial in repository.front(study.id)] == [1]


KILLED_WORKER = """
import os, sys
from storage import front_ledger
from storage.claims import ClaimRepository
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import build_outcome, claim_trial, run_trial

engine = open_engine(sys.argv[1])
claims, study = ClaimRepository(engine), Repository(engine).get_study("tiny")
claim = claim_trial(claims, study.id, 1, owner="killed", ttl_s=0.0)
run_trial(claims, study.id, 0, build_outcome(0.5, 0.5, size_bytes=500))
front_ledger.hypervolume = lambda *_: os.kill(os.getpid(), 9)
claims.finish(claim.lease, build_outcome(0.75, 0.75, size_bytes=250))
"""


def test_killed_process_leaves_what_it_committed_and_nothing_half(
    repository: Repository, claims: ClaimRepository, study: StudyRecord, database: Path
) -> None:
    command = [sys.executable, "-c", KILLED_WORKER, str(database)]
    finished = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert finished.returncode == -9
    assert [trial.state for trial in repository.trials(study.id)] == [TrialState.COMPLETE, TrialState.RUNNING]
    assert [trial.number for trial in repository.front(study.id)] == [0]
    assert check_front(repository, study.id) == []
    claim = claims.claim_abandoned(study.id, owner="w", ttl_s=60.0)
    assert claim is not None
    claims.finish(claim.lease, build_outcome(0.75, 0.75, size_bytes=250))
    assert repository.trial(study.id, 1).owner == "w"
    assert [trial.number for trial in repository.front(study.id)] == [1]


def test_workers_at_once_make_one_consistent_front(repository: Repository, study: StudyRecord, database: Path) -> None:
    def work(worker: int) -> None:
        engine = open_engine(str(database))
        own = ClaimRepository(engine)
        for step in range(8):
            size = 500 - 10 * step - worker
            run_trial(own, study.id, 3 * step + worker, build_outcome(0.5, 0.25 + step / 64, size_bytes=size))
        engine.dispose()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert len(repository.trials(study.id, state=TrialState.COMPLETE)) == 24
    revisions = repository.revisions(study.id)
    assert [revision.revision for revision in revisions] == list(range(len(revisions)))
    assert check_front(repository, study.id) == []


def test_check_names_what_was_tampered_with(
    repository: Repository, claims: ClaimRepository, study: StudyRecord, engine: Engine
) -> None:
    run_trial(claims, study.id, 0, build_outcome(0.5, 0.5, size_bytes=500))
    run_trial(claims, study.id, 1, build_outcome(0.5, 0.25, size_bytes=500))
    with write_engine(engine).begin() as connection:
        connection.execute(text("UPDATE cosearch_front_entries SET number = 1"))
        connection.execute(text("UPDATE cosearch_revisions SET hypervolume = 7.0, size = 2 WHERE revision = 1"))
    assert check_front(repository, study.id) == [
        "trial 0 is stored as on the front never; the results give from revision 1 on",
        "trial 1 is stored as on the front from revision 1 on; the results give never",
        "revision 1 says 2 members; the results give 1",
        "revision 1 says hypervolume 7.0; the results give 125.0",
    ]


@pytest.mark.parametrize("revision", [None, 9_900])
def test_front_among_10_000_trials_is_found_by_indices(
    repository: Repository, study: StudyRecord, engine: Engine, revision: int | None
) -> None:
    insert_trials(engine, study, n_trials=10_000, n_members=100)
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    assert len(repository.front(study.id, revision=revision)) == 100
    selects = [query for query in asked if query[0].startswith("SELECT")]
    with engine.connect() as connection:
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all() for text, values in selects]
    steps = [row[-1] for plan in plans for row in plan]
    assert any("cosearch_front_entries" in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]


def insert_trials(engine: Engine, study: StudyRecord, *, n_trials: int, n_members: int) -> None:
    """Fill the tables directly: each trial enters the front and leaves it `n_members` revisions later."""
    trials, revisions, entries = TrialRow.__table__, RevisionRow.__table__, FrontEntryRow.__table__
    candidate, at = build_candidate(), datetime(2026, 1, 1, tzinfo=UTC)
    result = {
        "study_id": study.id,
        "state": "complete",
        "candidate": candidate.to_json(),
        "candidate_fingerprint": candidate.fingerprint,
        "seed": 0,
        "measurement": build_measurement(0.5, 0.5, size_bytes=500).to_json(),
        "violations": [],
        "timings": {},
        "details": {"curve": [0.5] * 30},
        "owner": "w",
        "is_told": True,
        "started_at": at,
        "finished_at": at,
    }
    revision = {"study_id": study.id, "hypervolume": 0.0, "size": n_members, "created_at": at}
    with write_engine(engine).begin() as connection:
        numbers = range(n_trials)
        connection.execute(trials.insert(), [{**result, "number": number} for number in numbers])
        rows = [{**revision, "revision": number + 1, "number": number} for number in numbers]
        connection.execute(revisions.insert(), rows)
        leaving = {number: number + 1 + n_members for number in range(n_trials - n_members)}
        intervals = [
            {"study_id": study.id, "number": n, "entered_revision": n + 1, "left_revision": leaving.get(n)}
            for n in numbers
        ]
        connection.execute(entries.insert(), intervals)


def test_outcome_of_a_running_trial_is_refused() -> None:
    with pytest.raises(ValueError, match="got RUNNING"):
        TrialOutcome(state=TrialState.RUNNING, timings={}, details={})


def test_measurement_goes_with_complete_only() -> None:
    with pytest.raises(ValueError, match="only a COMPLETE outcome has a measurement"):
        TrialOutcome(state=TrialState.COMPLETE, timings={}, details={})
    measurement = build_measurement(0.5, 0.5, size_bytes=500)
    with pytest.raises(ValueError, match="only a COMPLETE outcome has a measurement"):
        TrialOutcome(state=TrialState.FAILED, measurement=measurement, timings={}, details={})
    assert build_failure("broken").reason == "broken"


@pytest.mark.parametrize("outcome", [build_outcome(0.5, 0.25, size_bytes=500), build_failure()])
def test_outcome_comes_back_from_json_as_it_was(outcome: TrialOutcome) -> None:
    assert TrialOutcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome
