"""Writes a small database of the present schema, to be kept as `fixtures/schema_<revision>.db` before it changes.

It has rows in every table.

python -m tests.storage.make_schema_fixture tests/storage/fixtures/schema_0007.db
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from spaces.audit import AttackOutcome, CleanCount
from spaces.check_result import CheckResult
from spaces.norms import Norm
from storage.audits import AuditRepository
from storage.claims import ClaimRepository, Lease
from storage.migrations import upgrade
from storage.parent_leases import ParentLeases
from storage.records import ParentRecord
from storage.reference_models import ReferenceModel, ReferenceRepository
from storage.refinements import RefinementRepository, RefinementRun
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.sql import open_engine
from storage.workers import WorkerIdentity, WorkerRepository, WorkerState
from tests.builders import (
    build_candidate,
    build_failure,
    build_measurement,
    build_outcome,
    build_spec,
    claim_trial,
    run_trial,
)

MOMENT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
OUTCOME = AttackOutcome(
    name="square",
    norm=Norm.LINF,
    epsilons=(0.1, 0.2),
    n_examples=4,
    tried=np.array([[1, 1, 1, 0], [0, 1, 1, 0]], bool),
    broken=np.array([[0, 0, 0, 0], [0, 1, 0, 0]], bool),
)
WHOLE_TEST = CleanCount(n_right=6, n_examples=8)
CHECKS = [CheckResult(name="restarts", value=0.5, bound=0.1, passed=False)]


def write_fixture(path: Path) -> None:
    engine = open_engine(str(path))
    upgrade(engine)
    repository = Repository(engine, clock=lambda: MOMENT)
    spec = build_spec()
    study = repository.create_study(
        name="tiny",
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data={"name": "digits", "fingerprint": "f" * 64},
        versions={"python": "3.11"},
    )
    claims = ClaimRepository(engine)
    files = {"model.json": "a" * 64}
    run_trial(claims, study.id, 0, build_outcome(0.5, 0.25, size_bytes=500), artifacts=files)
    run_trial(claims, study.id, 1, build_failure(), candidate=build_candidate(weight_bits=8))
    running = claim_trial(claims, study.id, 2, candidate=build_candidate(weight_bits=2))
    repository.save_parent(study.id, ParentRecord(key="p", digest="b" * 64, clean_accuracy=0.5, details={}))
    _write_audit(AuditRepository(engine, clock=lambda: MOMENT), study.id)
    _write_reference(ReferenceRepository(engine, clock=lambda: MOMENT), study.id)
    _write_worker(engine, running.lease)
    _write_refinement(RefinementRepository(engine, clock=lambda: MOMENT), study.id)
    engine.dispose()


def _write_audit(audits: AuditRepository, study_id: int) -> None:
    is_right = np.array([True, True, True, False])
    audit = audits.open_audit(study_id, number=0, key="c" * 64, settings={"n_attacks": 1}, is_right=is_right)
    audits.save_whole_test(audit.id, WHOLE_TEST)
    audits.save_attack(audit.id, OUTCOME)
    audits.save_checks(audit.id, CHECKS)


def _write_reference(references: ReferenceRepository, study_id: int) -> None:
    is_right = np.array([True, True, True, False])
    model = ReferenceModel(name="theirs", title="Theirs", size_bytes=900, source={"file": "theirs.tflite"})
    record = references.open_reference(study_id, model, key="f" * 64, settings={"n_attacks": 1}, is_right=is_right)
    references.save_whole_test(record.id, WHOLE_TEST)
    references.save_attack(record.id, OUTCOME)
    references.save_checks(record.id, CHECKS)


def _write_worker(engine: Engine, lease: Lease) -> None:
    """Write what a worker leaves behind that trains a trial after its first rung."""
    workers, worker = WorkerRepository(engine), WorkerIdentity(name="w1", host="h", pid=7, n_threads=2)
    workers.join(lease.study_id, worker, within_s=60.0)
    workers.beat(lease.study_id, worker.name, state=WorkerState.TRAINING, number=lease.number)
    ParentLeases(engine).take("p", study_id=lease.study_id, owner=worker.name, ttl_s=60.0)
    rungs, measurement = RungRepository(engine), build_measurement(0.25, 0.125, size_bytes=400)
    rungs.record(lease, 0, measurement=measurement, goes_on=True, decision={"reason": "one of the best"})
    rungs.keep_checkpoints(lease, 0, {"state.npz": "d" * 64})


def _write_refinement(refinements: RefinementRepository, study_id: int) -> None:
    measurement = build_measurement(0.75, 0.5, size_bytes=500)
    run = RefinementRun(
        number=0,
        epochs=measurement.epochs,
        repeat=0,
        seed=11,
        measurement=measurement,
        reason=None,
        timings={"training_s": 3.5},
        details={"parent": "p"},
        artifacts={"model.json": "e" * 64},
    )
    refinements.save(study_id, run)


if __name__ == "__main__":
    write_fixture(Path(sys.argv[1]))
