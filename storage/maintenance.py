"""Looking after a database and the files beside it: its schema, its soundness, its repair and its copy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from spaces.errors import DamagedResultsError, SpecError, StorageError
from spaces.work_steps import OnSteps, WorkSteps, unwatched
from storage import backup as copies
from storage.artifact_bucket import open_artifacts
from storage.integrity import integrity_findings
from storage.migrations import upgrade
from storage.records import StudyRecord
from storage.repository import Repository
from storage.schema_version import read_revision, stored_revision
from storage.sql import check_exists, look, masked, normalize_url, open_engine
from storage.study_check import StudyChecker


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """The revisions of a database's schema, before and after; None before for a database without our tables."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStudy:
    """What is wrong with one study, in words.

    Attributes:
        unreadable: why it cannot be checked; None where it can.
        front: where the stored front differs from that of the results; `repair_database` mends it.
        trials: rows that no worker can have written.
        artifacts: files that are missing or damaged.
    """

    name: str
    unreadable: str | None = None
    front: tuple[str, ...] = ()
    trials: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return self.unreadable is None and not (self.front or self.trials or self.artifacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCheck:
    """What is wrong with a database and its studies.

    Attributes:
        damage: what is wrong with the file as a database; its studies are not looked at then.
        studies: each with its findings.
        n_unreferenced: files that nothing refers to; they only take space.
    """

    damage: tuple[str, ...]
    studies: tuple[CheckedStudy, ...]
    n_unreferenced: int

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong; unreferenced files are not."""
        return not self.damage and all(study.is_good for study in self.studies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was repaired.

    Attributes:
        fronts: study -> what differed before its front was written anew; empty where the front was right.
        unreadable: study -> why it was left alone.
        n_removed: unreferenced files that were removed.
    """

    fronts: dict[str, tuple[str, ...]]
    unreadable: dict[str, str]
    n_removed: int


def upgrade_database(storage: str) -> Upgrade:
    """Bring a database that is there to the schema of this package.

    Raises:
        StorageError: there is none, it cannot be used, or a newer version of this package wrote it.
    """
    with _opened(storage) as engine:
        before = stored_revision(engine)
        upgrade(engine)
        return Upgrade(before=before, after=stored_revision(engine))


def check_database(storage: str, *, study: str | None = None, on_steps: OnSteps = unwatched) -> DatabaseCheck:
    """Read all of a database, compute the fronts anew and read every file; of all studies, or of one.

    `on_steps` is told of every study and of every file.

    Raises:
        SelectionError: there is no such study.
        StorageError: the database cannot be used, has no tables of ours, or is too damaged to be read.
    """
    with _upgraded(storage) as engine:
        on_steps(WorkSteps(what="reading the database", noun="pages"))
        damage = integrity_findings(engine)
        if damage:
            return DatabaseCheck(damage=tuple(damage), studies=(), n_unreferenced=0)
        artifacts = open_artifacts(storage)
        checker, repository = StudyChecker(engine, artifacts), Repository(engine)
        checked = tuple(_check_study(checker, record, on_steps) for record in _chosen(repository, study))
        unreferenced = repository.unreferenced(artifacts.digests())
        return DatabaseCheck(damage=(), studies=checked, n_unreferenced=len(unreferenced))


def repair_database(
    storage: str, *, study: str | None = None, min_age_s: float, on_steps: OnSteps = unwatched
) -> Repair:
    """Write fronts anew where they differ from the results, of all studies or of one; remove unreferenced files.

    Args:
        storage: database URL or SQLite path.
        study: name of the only study to repair.
        min_age_s: seconds that an unreferenced file must be old: a worker stores a file first and says what it is
            afterwards, during an outage of the database long afterwards.
        on_steps: told of every study.

    Raises:
        SelectionError: there is no such study.
        StorageError: the database cannot be used or has no tables of ours.
        ArtifactError: a file cannot be removed.
    """
    fronts: dict[str, tuple[str, ...]] = {}
    unreadable: dict[str, str] = {}
    with _upgraded(storage) as engine:
        checker = StudyChecker(engine, open_artifacts(storage))
        chosen = _chosen(Repository(engine), study)
        for done, record in enumerate(chosen):
            on_steps(WorkSteps(what=f"study {record.name}", noun="studies", done=done, total=len(chosen)))
            try:
                fronts[record.name] = tuple(checker.repair_front(record.id))
            except SpecError as error:
                unreadable[record.name] = f"its specification cannot be read: {error}"
            except DamagedResultsError as error:
                unreadable[record.name] = str(error)
        on_steps(WorkSteps(what="unreferenced files", noun="files"))
        n_removed = checker.remove_unreferenced(min_age_s=min_age_s)
    return Repair(fronts=fronts, unreadable=unreadable, n_removed=n_removed)


def back_up(storage: str, path: Path, *, on_steps: OnSteps = unwatched) -> copies.Backup:
    """Copy an SQLite database and its files while workers go on; as `storage.backup.backup`.

    Raises:
        SetupError: the target exists, or the database is no SQLite file.
        StorageError: there is none, it has no tables of ours, or reading or writing failed.
        ArtifactError: a file is missing, damaged or cannot be written.
    """
    with _upgraded(storage) as engine:
        return copies.backup(engine, open_artifacts(storage), path=path, on_steps=on_steps)


@contextmanager
def _opened(storage: str) -> Iterator[Engine]:
    url = normalize_url(storage)
    check_exists(url)
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _upgraded(storage: str) -> Iterator[Engine]:
    _check_has_tables(normalize_url(storage))
    with _opened(storage) as engine:
        upgrade(engine)
        yield engine


def _check_has_tables(url: str) -> None:
    """Refuse a database without our tables, which was emptied or is another program's, before anything is written."""
    check_exists(url)
    with look(url) as connection:
        if read_revision(connection) is None:
            raise StorageError(
                f"database {masked(url)} is empty or not one of this package: it has no tables of studies; "
                "restore a copy, or give another --storage."
            )


def _chosen(repository: Repository, study: str | None) -> list[StudyRecord]:
    return repository.studies() if study is None else [repository.get_study(study)]


def _check_study(checker: StudyChecker, record: StudyRecord, on_steps: OnSteps) -> CheckedStudy:
    def tell(steps: WorkSteps) -> None:
        on_steps(replace(steps, what=f"study {record.name}: {steps.what}"))

    tell(WorkSteps(what="computing the front", noun="revisions"))
    try:
        found = checker.check(record.id, on_steps=tell)
    except SpecError as error:
        return CheckedStudy(name=record.name, unreadable=str(error))
    return CheckedStudy(name=record.name, front=found.front, trials=found.trials, artifacts=found.artifacts)
