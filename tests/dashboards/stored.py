"""Snapshots made by hand, written into a database; thousands of trials in seconds, past the claims."""

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dashboards.pages.services import ExportService, PageServices
from dashboards.snapshot import StudySnapshot
from storage.audits import AuditRepository
from storage.conversion import plain_json
from storage.migrations import upgrade
from storage.records import TrialRecord
from storage.refinements import RefinementRepository
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.schema import FrontEntryRow, RevisionRow, StudyRow, TrialRow
from storage.sql import open_engine
from storage.workers import WorkerRepository


def open_database(folder: Path) -> Engine:
    engine = open_engine(f"sqlite:///{folder / 'studies.db'}")
    upgrade(engine)
    return engine


def services_of(engine: Engine, *, exports: ExportService | None = None) -> PageServices:
    return PageServices(
        repository=Repository(engine),
        audits=AuditRepository(engine),
        workers=WorkerRepository(engine),
        rungs=RungRepository(engine),
        refinements=RefinementRepository(engine),
        exports=exports,
    )


def store(engine: Engine, snapshot: StudySnapshot, *, name: str) -> int:
    """Write study, trials, front and revisions, and return the study's id."""
    with Session(engine) as session, session.begin():
        study = StudyRow(
            name=name,
            spec={**snapshot.study.spec, "name": name},
            spec_fingerprint=snapshot.study.spec_fingerprint,
            data=plain_json(snapshot.study.data),
            versions=plain_json(snapshot.study.versions),
            created_at=snapshot.study.created_at,
        )
        session.add(study)
        session.flush()
        session.add_all(_trial_row(study.id, trial) for trial in snapshot.trials)
        session.flush()
        last = max((item.revision for item in snapshot.revisions), default=0)
        for item in snapshot.revisions:
            session.add(
                RevisionRow(
                    study_id=study.id,
                    revision=item.revision,
                    number=item.trial_number,
                    hypervolume=item.hypervolume,
                    size=item.size,
                    created_at=item.created_at,
                )
            )
        for number in snapshot.front_numbers:
            entered = next((item.revision for item in snapshot.revisions if item.trial_number == number), last)
            session.add(FrontEntryRow(study_id=study.id, number=number, entered_revision=entered, left_revision=None))
        return study.id


def _trial_row(study_id: int, trial: TrialRecord) -> TrialRow:
    return TrialRow(
        study_id=study_id,
        number=trial.number,
        state=trial.state.value,
        candidate=trial.candidate.to_json(),
        candidate_fingerprint=trial.candidate.fingerprint,
        seed=trial.seed,
        measurement=None if trial.measurement is None else plain_json(trial.measurement.to_json()),
        violations=list(trial.violations),
        reason=trial.reason,
        timings=plain_json(trial.timings),
        details=plain_json(trial.details),
        owner=trial.owner,
        lease_epoch=1,
        lease_expires_at=None,
        is_told=trial.is_told,
        started_at=trial.started_at,
        finished_at=trial.finished_at,
    )
