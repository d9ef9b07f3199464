"""What the pages show, read with few queries and kept until the study moves on."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from threading import RLock
from time import monotonic

from dashboards.infos.importance import ImportanceInfo, importance_info
from dashboards.infos.ordering import spread
from dashboards.pages.services import PageServices
from dashboards.snapshot import StudySnapshot
from dashboards.study_view import StudyView
from spaces.errors import SelectionError
from spaces.search_space import BASELINE_NUMBERS
from storage.audits import AuditRecord
from storage.records import RevisionRecord, StudyRecord, TrialRecord, TrialState
from storage.reference_models import ReferenceRecord
from storage.trial_summaries import TrialSummary

_AUDITS_FOR_S = 20.0
_MOST_IN_IMPORTANCE = 1000


@dataclass(slots=True)
class _Kept:
    """What is remembered of one study; finished trials never change, so their records stay."""

    stamp: str = ""
    summaries: tuple[TrialSummary, ...] = ()
    front_numbers: tuple[int, ...] = ()
    revisions: tuple[RevisionRecord, ...] = ()
    records: dict[int, TrialRecord] = field(default_factory=dict)
    audits: tuple[AuditRecord, ...] = ()
    reference_audits: tuple[ReferenceRecord, ...] = ()
    audits_read_at: float = float("-inf")
    importance: tuple[str, ImportanceInfo] | None = None


class StudySource:
    """Reads studies for the pages. It is shared by the server's threads."""

    def __init__(self, services: PageServices) -> None:
        """Read through the services' repositories."""
        self.services = services
        self._kept: dict[int, _Kept] = {}
        self._lock = RLock()

    def stamp(self, name: str) -> str:
        """Return a text that changes whenever a trial begins or ends, or the front changes.

        Raises:
            SelectionError: there is no such study.
        """
        return self._stamp(self.services.repository.get_study(name))

    def is_done(self, name: str) -> bool:
        """Return whether the study has spent its budget and no trial runs."""
        view = self.view(name)
        n_running = view.count(TrialState.RUNNING)
        n_trained = sum(trial.state.is_budgeted for trial in view.trials) - n_running
        return n_running == 0 and n_trained >= view.details.spec.budget.trials

    def view(self, name: str, *, chosen: Collection[int] = (), revision: int | None = None) -> StudyView:
        """Return a study as it stands, with the records of its front, its baselines and the chosen trials.

        Args:
            name: of the study.
            chosen: trials to have in full; those that do not exist are left out.
            revision: of the front whose members the details are to have; None for the present one.

        Raises:
            SelectionError: there is no such study or revision.
        """
        study = self.services.repository.get_study(name)
        with self._lock:
            kept = self._refreshed(study)
            members: Collection[int] = kept.front_numbers
            if revision is not None:
                front = self.services.repository.front(study.id, revision=revision)
                members = tuple(record.number for record in front)
            wanted = {*members, *BASELINE_NUMBERS, *chosen} & {trial.number for trial in kept.summaries}
            self._read_audits(study.id, kept)
            details = StudySnapshot(
                study=study,
                trials=tuple(self._records(study.id, kept, wanted)),
                front_numbers=tuple(sorted(members)),
                revisions=kept.revisions,
                baselines=BASELINE_NUMBERS,
                audits=kept.audits,
                reference_audits=kept.reference_audits,
            )
            return StudyView(trials=kept.summaries, details=details)

    def trial(self, name: str, number: int) -> StudyView:
        """Return a study with one of its trials among the details.

        Raises:
            SelectionError: there is no such study or trial.
        """
        view = self.view(name, chosen=[number])
        if not any(trial.number == number for trial in view.trials):
            raise SelectionError(f"study {name!r} has no trial {number}; it has {len(view.trials)} trials.")
        return view

    def importance(self, name: str) -> ImportanceInfo:
        """Return the rank correlations over the complete trials, or over a thousand spread evenly over them."""
        view = self.view(name)
        with self._lock:
            kept = self._kept[view.details.study.id]
            if kept.importance is None or kept.importance[0] != kept.stamp:
                complete = [trial.number for trial in view.trials if trial.is_measured]
                numbers = spread(complete, _MOST_IN_IMPORTANCE)
                records = self.services.repository.trials_numbered(view.details.study.id, numbers)
                kept.importance = kept.stamp, importance_info(replace(view.details, trials=tuple(records)))
            return kept.importance[1]

    def _stamp(self, study: StudyRecord) -> str:
        repository = self.services.repository
        counts = repository.count_trials(study.id)
        revision = repository.latest_revision(study.id).revision
        budget = study.spec.get("budget", {}).get("trials")
        return "-".join(map(str, (study.id, revision, budget, *counts.values())))

    def _refreshed(self, study: StudyRecord) -> _Kept:
        kept = self._kept.setdefault(study.id, _Kept())
        stamp = self._stamp(study)
        if stamp == kept.stamp:
            return kept
        repository = self.services.repository
        # Everything before the first unfinished trial is as it was.
        n_settled = next(
            (index for index, trial in enumerate(kept.summaries) if trial.state is TrialState.RUNNING),
            len(kept.summaries),
        )
        settled = kept.summaries[:n_settled]
        first = settled[-1].number + 1 if settled else 0
        kept.summaries = (*settled, *repository.summaries(study.id, from_number=first))
        kept.revisions = tuple(repository.revisions(study.id))
        front = repository.front(study.id)
        kept.records.update({record.number: record for record in front})
        kept.front_numbers = tuple(record.number for record in front)
        kept.stamp = stamp
        return kept

    def _records(self, study_id: int, kept: _Kept, wanted: Collection[int]) -> list[TrialRecord]:
        missing = [number for number in wanted if number not in kept.records]
        read = self.services.repository.trials_numbered(study_id, missing) if missing else []
        kept.records.update({item.number: item for item in read if item.state is not TrialState.RUNNING})
        found = {item.number: item for item in read} | kept.records
        return [found[number] for number in sorted(wanted) if number in found]

    def _read_audits(self, study_id: int, kept: _Kept) -> None:
        if monotonic() - kept.audits_read_at > _AUDITS_FOR_S:
            kept.audits = tuple(self.services.audits.audits(study_id))
            references = self.services.references
            kept.reference_audits = () if references is None else tuple(references.references(study_id))
            kept.audits_read_at = monotonic()
