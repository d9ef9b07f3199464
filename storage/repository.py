"""Studies, results, fronts, parents and files as they are read; `storage.claims` hands out trials and takes results.

Every method is one transaction and hands out frozen records.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import IntegrityError

from spaces.errors import SelectionError, StudyMismatchError
from spaces.spec_files import parse_spec
from storage import front_ledger, references
from storage.artifacts import check_digest
from storage.conversion import parent_record, plain_json, revision_record, study_record, trial_record
from storage.records import ParentRecord, RevisionRecord, StudyRecord, TrialRecord, TrialState
from storage.schema import ArtifactRow, ParentRow, RevisionRow, StudyRow, TrialRow
from storage.sql import masked
from storage.study_progress import StudyProgress, read_progress
from storage.study_rows import lock_study, study_row, trial_row
from storage.transactions import Transactions
from storage.trial_pages import TrialPage, read_page
from storage.trial_summaries import TrialSummary, read_summaries


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


class Repository:
    """What is remembered of studies, trials, fronts, parents and artifacts.

    All writes to one study happen one after the other. Every method raises `StorageError` where the database fails,
    and `SelectionError` for a study or a trial that does not exist; nothing of the method is stored then.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)
        self._clock = clock

    def __repr__(self) -> str:
        return f"Repository({masked(self._transactions.url)!r})"

    def create_study(
        self,
        *,
        name: str,
        spec: Mapping[str, Any],
        spec_fingerprint: str,
        data: Mapping[str, Any],
        versions: Mapping[str, str],
    ) -> StudyRecord:
        """Store a new study with the empty front as revision 0; the arguments are the fields of `StudyRecord`.

        Raises:
            SelectionError: a study of that name exists, possibly since a moment ago.
            SpecError: `spec` is no study specification.
        """
        parse_spec(spec, source=f"study {name!r}")
        try:
            with self._transactions.writing() as session:
                row = StudyRow(
                    name=name,
                    spec=plain_json(spec),
                    spec_fingerprint=spec_fingerprint,
                    data=plain_json(data),
                    versions=plain_json(versions),
                    created_at=self._clock(),
                )
                session.add(row)
                session.flush()
                front_ledger.open_ledger(session, row.id, at=row.created_at)
                return study_record(row)
        except IntegrityError:
            raise SelectionError(f"study {name!r} exists already; resume it, or choose another name.") from None

    def replace_spec(self, study_id: int, *, spec: Mapping[str, Any]) -> StudyRecord:
        """Store another specification of the same identity: the same study with another trial budget.

        Raises:
            SpecError: `spec` is no study specification.
            StudyMismatchError: its identity is not that of the stored study.
        """
        fingerprint = parse_spec(spec, source="the new specification").fingerprint
        with self._transactions.writing() as session:
            row = lock_study(session, study_id)
            # Both read by today's rules: a key that was added since has its default in the stored one.
            if parse_spec(row.spec, source=f"stored study {row.name!r}").fingerprint != fingerprint:
                raise StudyMismatchError(
                    f"study {row.name!r} keeps its specification; only the trial budget may change."
                )
            row.spec, row.spec_fingerprint = plain_json(spec), fingerprint
            session.flush()
            return study_record(row)

    def find_study(self, name: str) -> StudyRecord | None:
        """Return the study of that name, None where there is none."""
        with self._transactions.reading() as session:
            row = session.scalars(select(StudyRow).where(StudyRow.name == name)).one_or_none()
            return None if row is None else study_record(row)

    def get_study(self, name: str) -> StudyRecord:
        """Return the study of that name; the error of a missing one lists the others."""
        study = self.find_study(name)
        if study is None:
            known = ", ".join(repr(other.name) for other in self.studies()) or "none yet"
            raise SelectionError(f"no study {name!r} in {masked(self._transactions.url)}; its studies: {known}.")
        return study

    def studies(self) -> list[StudyRecord]:
        """Return all studies, oldest first."""
        with self._transactions.reading() as session:
            return [study_record(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.id))]

    def mark_told(self, study_id: int, *, number: int) -> None:
        """Note that Optuna knows the trial's outcome."""
        with self._transactions.writing() as session:
            trial_row(session, study_id, number).is_told = True

    def trial(self, study_id: int, number: int) -> TrialRecord:
        """Return one trial."""
        with self._transactions.reading() as session:
            return trial_record(trial_row(session, study_id, number))

    def trials(self, study_id: int, *, state: TrialState | None = None) -> list[TrialRecord]:
        """Return the trials, of one state or of all, by number."""
        query = select(TrialRow).where(TrialRow.study_id == study_id).order_by(TrialRow.number)
        if state is not None:
            query = query.where(TrialRow.state == state.value)
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return [trial_record(row) for row in session.scalars(query)]

    def count_trials(self, study_id: int) -> dict[TrialState, int]:
        """Return how many trials are in each state, zeros included."""
        query = select(TrialRow.state, func.count()).where(TrialRow.study_id == study_id).group_by(TrialRow.state)
        with self._transactions.reading() as session:
            study_row(session, study_id)
            counts = {TrialState(state): count for state, count in session.execute(query)}
        return {state: counts.get(state, 0) for state in TrialState}

    def find_candidate(self, study_id: int, fingerprint: str) -> TrialRecord | None:
        """Return the first trial that trained a candidate: COMPLETE, STOPPED or FAILED; None where none did."""
        query = select(TrialRow).where(
            TrialRow.study_id == study_id,
            TrialRow.candidate_fingerprint == fingerprint,
            TrialRow.state.in_([TrialState.COMPLETE.value, TrialState.STOPPED.value, TrialState.FAILED.value]),
        )
        with self._transactions.reading() as session:
            row = session.scalars(query.order_by(TrialRow.number).limit(1)).one_or_none()
            return None if row is None else trial_record(row)

    def trials_numbered(self, study_id: int, numbers: Collection[int]) -> list[TrialRecord]:
        """Return those of some trials that exist, by number."""
        query = select(TrialRow).where(TrialRow.study_id == study_id, TrialRow.number.in_(numbers))
        with self._transactions.reading() as session:
            return [trial_record(row) for row in session.scalars(query.order_by(TrialRow.number))]

    def trials_page(
        self, study_id: int, *, after: int | None = None, limit: int = 100, state: TrialState | None = None
    ) -> TrialPage:
        """Return the first trials with a larger number than `after`, of one state or of all, by number."""
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return read_page(session, study_id, after=after, limit=limit, state=state)

    def summaries(self, study_id: int, *, from_number: int = 0) -> list[TrialSummary]:
        """Return the trials from a number on in brief, by number."""
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return read_summaries(session, study_id, from_number=from_number)

    def progress(self) -> list[StudyProgress]:
        """Return how far every study is, oldest study first."""
        with self._transactions.reading() as session:
            return read_progress(session)

    def front(self, study_id: int, *, revision: int | None = None) -> list[TrialRecord]:
        """Return the members of the front, now or at a past revision, by number.

        Raises:
            SelectionError: the front never had that revision; the message names those it had.
        """
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return [trial_record(row) for row in front_ledger.front_rows(session, study_id, revision=revision)]

    def latest_revision(self, study_id: int) -> RevisionRecord:
        """Return the front's present revision."""
        query = select(RevisionRow).where(RevisionRow.study_id == study_id).order_by(RevisionRow.revision.desc())
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return revision_record(session.scalars(query.limit(1)).one())

    def revisions(self, study_id: int) -> list[RevisionRecord]:
        """Return the front's revisions, from 0, the empty front, on."""
        query = select(RevisionRow).where(RevisionRow.study_id == study_id).order_by(RevisionRow.revision)
        with self._transactions.reading() as session:
            study_row(session, study_id)
            return [revision_record(row) for row in session.scalars(query)]

    def save_parent(self, study_id: int, parent: ParentRecord) -> ParentRecord:
        """Store a float parent and return the stored one: of two with the same key the first stays.

        Workers that train the same parent at the same time so end up with the same one.
        """
        check_digest(parent.digest)
        with self._transactions.writing() as session:
            lock_study(session, study_id)
            row = session.get(ParentRow, (study_id, parent.key))
            if row is None:
                row = ParentRow(study_id=study_id, key=parent.key, digest=parent.digest)
                row.clean_accuracy, row.details = parent.clean_accuracy, plain_json(parent.details)
                session.add(row)
            return parent_record(row)

    def replace_parent(self, study_id: int, parent: ParentRecord, *, lost: str) -> ParentRecord:
        """Store a float parent in place of one whose weights are lost, and return the stored one.

        Where another worker has replaced it already, its parent stays. What else the study says of the lost weights,
        such as their sensitivity, refers to the new ones from then on.

        Args:
            study_id: of the study that has the lost one.
            parent: the new one, with the key of the lost one.
            lost: digest of the lost weights.

        Raises:
            SelectionError: the study has no parent of that key.
        """
        check_digest(parent.digest)
        with self._transactions.writing() as session:
            lock_study(session, study_id)
            row = session.get(ParentRow, (study_id, parent.key))
            if row is None:
                raise SelectionError(f"study {study_id} has no float parent with the key {parent.key!r}.")
            if row.digest == lost:
                row.details = plain_json(parent.details)
                same = select(ParentRow).where(ParentRow.study_id == study_id, ParentRow.digest == lost)
                for other in session.scalars(same):
                    other.digest, other.clean_accuracy = parent.digest, parent.clean_accuracy
            return parent_record(row)

    def find_parent(self, study_id: int, key: str) -> ParentRecord | None:
        """Return the parent with that key, this study's own or else another one's; None where it was never trained.

        A key says all that a parent is made from, so studies that differ elsewhere share their parents.
        """
        query = select(ParentRow).where(ParentRow.key == key)
        own_first = query.order_by(ParentRow.study_id != study_id, ParentRow.study_id)
        with self._transactions.reading() as session:
            row = session.scalars(own_first.limit(1)).one_or_none()
            return None if row is None else parent_record(row)

    def artifacts(self, study_id: int, number: int) -> dict[str, str]:
        """Return the artifacts of a trial, name -> digest."""
        query = select(ArtifactRow).where(ArtifactRow.study_id == study_id, ArtifactRow.number == number)
        with self._transactions.reading() as session:
            trial_row(session, study_id, number)
            return {row.name: row.digest for row in session.scalars(query.order_by(ArtifactRow.name))}

    def drop_artifacts(self, study_id: int, *, number: int) -> None:
        """Forget the artifacts of a trial; the files stay until they are removed from the store."""
        with self._transactions.writing() as session:
            lock_study(session, study_id)
            trial_row(session, study_id, number)
            session.execute(delete(ArtifactRow).where(ArtifactRow.study_id == study_id, ArtifactRow.number == number))

    def referenced_digests(self) -> set[str]:
        """Return the digests that any trial, checkpoint or parent of any study refers to."""
        with self._transactions.reading() as session:
            return references.all_digests(session)

    def unreferenced(self, digests: Collection[str]) -> set[str]:
        """Return those of some digests that nothing in the database refers to; only these are looked up."""
        with self._transactions.reading() as session:
            return references.unreferenced(session, digests)
