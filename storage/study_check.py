"""Whether what is stored of a study holds together: front, trials and files; and the repair of what can be repaired."""

from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from spaces.errors import ArtifactError, DamagedResultsError
from spaces.work_steps import OnSteps, WorkSteps, unwatched
from storage import front_replay, references
from storage.artifacts import ArtifactStore
from storage.records import TrialState
from storage.schema import TrialRow
from storage.study_rows import lock_study, study_row
from storage.transactions import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCheck:
    """What is wrong with a study, in words.

    Attributes:
        front: where the stored front differs from that of the results; `StudyChecker.repair_front` mends it. Empty
            where one of `trials` is a result that is not whole: the front of the results is not known then.
        trials: rows that no worker can have written.
        artifacts: files that are missing or damaged.
        unreferenced: digests of files that nothing in the database refers to; they only take space, and some may
            belong to a worker that has not said yet what they are.
    """

    front: tuple[str, ...]
    trials: tuple[str, ...]
    artifacts: tuple[str, ...]
    unreferenced: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong; unreferenced files are not."""
        return not (self.front or self.trials or self.artifacts)


class StudyChecker:
    """Checks and repairs the studies of one database and its artifacts."""

    def __init__(self, engine: Engine, artifacts: ArtifactStore) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)
        self._artifacts = artifacts

    def check(self, study_id: int, *, on_steps: OnSteps = unwatched) -> StudyCheck:
        """Compute the front anew, look at every trial's lease and read every file, of each of which `on_steps` is told.

        Raises:
            SelectionError: there is no such study.
            SpecError: this version of the package cannot read its specification.
        """
        with self._transactions.reading() as session:
            study = study_row(session, study_id)
            is_known = not front_replay.damaged_results(session, study_id)
            front = front_replay.differences(session, study) if is_known else []
            trials = _odd_trials(session, study_id)
            uses = references.uses(session, study_id)
            unreferenced = self._artifacts.digests() - references.all_digests(session)
        return StudyCheck(
            front=tuple(front),
            trials=tuple(trials),
            artifacts=tuple(self._broken_files(study_id, uses, on_steps)),
            unreferenced=tuple(sorted(unreferenced)),
        )

    def repair_front(self, study_id: int) -> list[str]:
        """Write the front and all its revisions anew where they differ from the results; return what differed.

        Past revisions are then those of the order in which the results were finished.

        Raises:
            SelectionError: there is no such study.
            SpecError: this version of the package cannot read its specification.
            DamagedResultsError: a result lacks its measurement or its time; nothing is changed.
        """
        with self._transactions.writing() as session:
            study = lock_study(session, study_id)
            damaged = front_replay.damaged_results(session, study_id)
            if damaged:
                raise DamagedResultsError(
                    f"complete trials without a measurement or a time: {', '.join(map(str, damaged))}; "
                    "without them the front is not known, restore a copy of the database."
                )
            found = front_replay.differences(session, study)
            if found:
                front_replay.rebuild(session, study)
            return found

    def remove_unreferenced(self, *, min_age_s: float) -> int:
        """Remove the files that nothing refers to and that are at least so many seconds old; return how many.

        Raises:
            ArtifactError: a file cannot be removed.
        """
        old = self._artifacts.digests(min_age_s=min_age_s)
        with self._transactions.reading() as session:
            unused = old - references.all_digests(session)
        for digest in unused:
            self._artifacts.remove(digest)
        return len(unused)

    def _broken_files(self, study_id: int, uses: list[tuple[str, str]], on_steps: OnSteps) -> list[str]:
        broken = self._failures(uses, on_steps)
        if not broken:
            return []
        # A second look at these: a worker drops files, first from the database and then from the disk, while others
        # are still being read here.
        with self._transactions.reading() as session:
            again = [(what, digest) for what, digest in references.uses(session, study_id) if digest in broken]
        broken = self._failures(again, on_steps)
        return [f"{what}: {broken[digest]}" for what, digest in again if digest in broken]

    def _failures(self, uses: list[tuple[str, str]], on_steps: OnSteps) -> dict[str, str]:
        """Return digest -> what is wrong with its file, of the files that are missing or damaged."""
        broken: dict[str, str] = {}
        digests = {digest for _, digest in uses}
        for done, digest in enumerate(digests):
            on_steps(WorkSteps(what="reading files", noun="files", done=done, total=len(digests)))
            try:
                self._artifacts.check(digest)
            except ArtifactError as error:
                broken[digest] = str(error)
        return broken


def _odd_trials(session: Session, study_id: int) -> list[str]:
    is_running = TrialRow.state == TrialState.RUNNING.value
    has_lease = TrialRow.lease_expires_at.is_not(None)
    has_result = TrialRow.measurement.is_not(None)
    oddities = {
        "is running without a lease; the next worker takes it over": is_running & ~has_lease,
        "is finished but still has a lease": ~is_running & has_lease,
        "is complete without a measurement": (TrialRow.state == TrialState.COMPLETE.value) & ~has_result,
        "has a measurement but is not complete": (TrialRow.state != TrialState.COMPLETE.value) & has_result,
        "is finished without a time": ~is_running & TrialRow.finished_at.is_(None),
    }
    found = []
    for what, condition in oddities.items():
        query = select(TrialRow.number).where(TrialRow.study_id == study_id, condition).order_by(TrialRow.number)
        found += [f"trial {number} {what}" for number in session.scalars(query)]
    return found
