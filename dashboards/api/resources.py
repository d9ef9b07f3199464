"""What every address of the API answers: reads through the repositories and makes the answer."""

from dataclasses import dataclass
from typing import Any

from dashboards.api import audit_models, study_models, trial_models, work_models
from spaces.errors import SelectionError
from storage.audits import AuditRepository
from storage.records import StudyRecord, TrialRecord, TrialState
from storage.reference_models import ReferenceRepository
from storage.refinements import RefinementRepository
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.workers import ALIVE_WITHIN_S, WorkerRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The repositories of one database; every method answers one address.

    Every method raises `SelectionError` for what does not exist and `StorageError` where the database fails.
    """

    repository: Repository
    audits: AuditRepository
    workers: WorkerRepository
    rungs: RungRepository
    refinements: RefinementRepository
    references: ReferenceRepository

    def list_studies(self) -> study_models.Studies:
        """Return all studies with their progress."""
        alive = self.workers.count_alive(within_s=ALIVE_WITHIN_S)
        progress = self.repository.progress()
        return study_models.Studies(
            studies=[study_models.Study.of(item, workers_alive=alive.get(item.study.id, 0)) for item in progress]
        )

    def get_study(self, study: str) -> study_models.StudyDetail:
        """Return what a study was made from."""
        return study_models.StudyDetail.of(self._study(study))

    def list_trials(self, study: str, state: TrialState | None, after: int | None, limit: int) -> trial_models.Trials:
        """Return a page of trials."""
        page = self.repository.trials_page(self._study(study).id, after=after, limit=limit, state=state)
        return trial_models.Trials(
            trials=trial_models.trials_of(page.trials), total=page.total, next_after=page.next_after
        )

    def get_trial(self, study: str, number: int) -> trial_models.TrialDetail:
        """Return everything that is stored of a trial."""
        record = self._study(study)
        trial = self._trial(record, number)
        return trial_models.TrialDetail.with_artifacts(trial, self.repository.artifacts(record.id, number))

    def get_measurement(self, study: str, number: int) -> trial_models.Measured:
        """Return a trial's measurement."""
        trial = self._trial(self._study(study), number)
        if trial.measurement is None:
            raise SelectionError(f"trial {number} of study {study!r} is {trial.state.value}: it was not measured.")
        return trial_models.Measured.of(trial.measurement)

    def list_trial_audits(self, study: str, number: int) -> audit_models.Audits:
        """Return the audits of a trial."""
        record = self._study(study)
        self._trial(record, number)
        return _audits(self.audits, record, number)

    def list_trial_rungs(self, study: str, number: int) -> work_models.Rungs:
        """Return what a trial measured at its rungs."""
        record = self._study(study)
        self._trial(record, number)
        return work_models.Rungs(
            rungs=[work_models.Rung.of(rung) for rung in self.rungs.rungs(record.id, number=number)]
        )

    def get_front(self, study: str, revision: int | None) -> trial_models.Front:
        """Return the front, now or at a revision."""
        record = self._study(study)
        # The revision first: one that comes in between then shows in the trials, never the other way round.
        revisions = self.repository.revisions(record.id)
        chosen = revisions[-1] if revision is None else next((r for r in revisions if r.revision == revision), None)
        if chosen is None:
            last = revisions[-1].revision
            raise SelectionError(f"the front of study {study!r} has revisions 0 to {last}; got {revision}.")
        trials = self.repository.front(record.id, revision=chosen.revision)
        return trial_models.Front(revision=study_models.Revision.of(chosen), trials=trial_models.trials_of(trials))

    def list_revisions(self, study: str) -> study_models.Revisions:
        """Return the front's history."""
        revisions = self.repository.revisions(self._study(study).id)
        return study_models.Revisions(revisions=[study_models.Revision.of(item) for item in revisions])

    def list_audits(self, study: str) -> audit_models.Audits:
        """Return all audits of a study."""
        return _audits(self.audits, self._study(study), None)

    def list_workers(self, study: str) -> work_models.Workers:
        """Return the workers that live."""
        alive = self.workers.alive(self._study(study).id, within_s=ALIVE_WITHIN_S)
        return work_models.Workers(workers=[work_models.Worker.of(worker) for worker in alive])

    def list_refinements(self, study: str) -> work_models.Refinements:
        """Return all refinements of a study."""
        runs = self.refinements.runs(self._study(study).id)
        return work_models.Refinements(refinements=[work_models.Refinement.of(run) for run in runs])

    def list_references(self, study: str) -> audit_models.References:
        """Return the finished audits of the reference models."""
        records = self.references.references(self._study(study).id)
        return audit_models.References(references=[audit_models.Reference.of(record) for record in records])

    def _study(self, name: str) -> StudyRecord:
        # A NUL is in no name, and PostgreSQL refuses to compare with one.
        study = None if "\0" in name else self.repository.find_study(name)
        if study is None:
            raise SelectionError(f"no study {name[:100]!r}; /studies lists those that there are.")
        return study

    def _trial(self, study: StudyRecord, number: int) -> TrialRecord:
        trials: list[Any] = self.repository.trials_numbered(study.id, [number])
        if not trials:
            raise SelectionError(f"study {study.name!r} has no trial {number}; /trials lists those that it has.")
        trial: TrialRecord = trials[0]
        return trial


def _audits(audits: AuditRepository, study: StudyRecord, number: int | None) -> audit_models.Audits:
    records = audits.audits(study.id, number=number)
    return audit_models.Audits(audits=[audit_models.Audit.of(record) for record in records])
