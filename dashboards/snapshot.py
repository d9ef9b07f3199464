"""The input of every info: one study's frozen records at one moment, built by the caller from the repository."""

from dataclasses import dataclass, replace
from operator import attrgetter

from spaces.errors import SelectionError
from spaces.measurement import Measurement
from spaces.objectives import Objective
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec
from storage.audit_comparison import AuditedModel, differing_settings
from storage.audits import AuditRecord, AuditRepository, counting_audits
from storage.records import RevisionRecord, StudyRecord, TrialRecord, TrialState
from storage.reference_models import ReferenceRecord, ReferenceRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySnapshot:
    """A study as it stood when it was read.

    Attributes:
        study: the study itself.
        trials: every trial, whatever its state.
        front_numbers: numbers of the trials on the Pareto front, as the repository decided it.
        revisions: the history of the front, ascending.
        baselines: numbers of the trials without a choice: widest bits without and with Jacobian terms.
        audits: every audit of the study, oldest first; empty until `with_audits` has read them.
        reference_audits: every finished audit of a reference model, by name, the newest last; empty until
            `with_references` has read them.
    """

    study: StudyRecord
    trials: tuple[TrialRecord, ...]
    front_numbers: tuple[int, ...]
    revisions: tuple[RevisionRecord, ...]
    baselines: tuple[int, ...] = (0, 1)
    audits: tuple[AuditRecord, ...] = ()
    reference_audits: tuple[ReferenceRecord, ...] = ()

    def with_audits(self, audits: AuditRepository) -> "StudySnapshot":
        """Return the same study with the audits that the repository has of it.

        Raises:
            StorageError: the database fails.
        """
        return replace(self, audits=tuple(audits.audits(self.study.id)))

    def with_references(self, references: ReferenceRepository) -> "StudySnapshot":
        """Return the same study with the reference models that are audited in it.

        Raises:
            StorageError: the database fails.
        """
        return replace(self, reference_audits=tuple(references.references(self.study.id)))

    @property
    def spec(self) -> StudySpec:
        """The stored specification, checked again.

        Raises:
            SpecError: what is stored is not a specification that this version understands.
        """
        return parse_spec(self.study.spec, source=f"stored study {self.study.name!r}")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The study's objectives, in order."""
        return self.spec.objective_values()

    @property
    def measurements(self) -> dict[int, Measurement]:
        """Trial number -> measurement, of the complete trials."""
        return {
            trial.number: trial.measurement
            for trial in self.trials
            if trial.state is TrialState.COMPLETE and trial.measurement is not None
        }

    @property
    def latest_audits(self) -> dict[int, AuditRecord]:
        """Trial number -> its newest finished audit, or the newest begun where none is, by ascending number."""
        newest = {record.number: record for record in sorted(self.audits, key=attrgetter("is_complete"))}
        return {number: newest[number] for number in sorted(newest)}

    @property
    def checked_audits(self) -> dict[int, tuple[AuditRecord, ...]]:
        """Trial number -> its finished audits, oldest first, but those that a newer one of no less work replaces."""
        by_number: dict[int, list[AuditRecord]] = {}
        for record in self.audits:
            by_number.setdefault(record.number, []).append(record)
        counting = {number: counting_audits(by_number[number]) for number in sorted(by_number)}
        return {number: audits for number, audits in counting.items() if audits}

    def latest_audits_like(self, other: AuditedModel) -> dict[int, AuditRecord]:
        """Return trial number -> its newest finished audit of another audit's examples, radii and attacks."""
        alike = [item for item in self.audits if item.has_all_attacks and not differing_settings(item, other)]
        return {record.number: record for record in alike}

    @property
    def references(self) -> tuple[ReferenceRecord, ...]:
        """Of each reference model the audit that most trials of the front compare with, of equals the newest."""
        chosen: dict[str, ReferenceRecord] = {}
        for record in self.reference_audits:
            if record.name not in chosen or self._n_like(record) >= self._n_like(chosen[record.name]):
                chosen[record.name] = record
        return tuple(chosen.values())

    def _n_like(self, other: AuditedModel) -> int:
        return len(self.latest_audits_like(other).keys() & set(self.front_numbers))

    @property
    def measured_baselines(self) -> tuple[int, ...]:
        """The baselines that are complete; a baseline counts however it is constrained."""
        measurements = self.measurements
        return tuple(number for number in self.baselines if number in measurements)

    def baseline_position(self, number: int) -> int | None:
        """Return which baseline a trial is, counted from 0; None for every other trial."""
        return self.baselines.index(number) if number in self.baselines else None

    def count(self, state: TrialState) -> int:
        """Return how many trials are in `state`."""
        return sum(trial.state is state for trial in self.trials)

    def trial(self, number: int) -> TrialRecord:
        """Return a trial by its number.

        Raises:
            SelectionError: the study has no such trial.
        """
        for trial in self.trials:
            if trial.number == number:
                return trial
        raise SelectionError(
            f"study {self.study.name!r} has no trial {number}; it has {len(self.trials)} trials"
            + (f", numbered up to {max(trial.number for trial in self.trials)}." if self.trials else ".")
        )
