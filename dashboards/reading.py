"""Reading a study's records into the snapshot that figures and tables are made of."""

from dashboards.snapshot import StudySnapshot
from spaces.search_space import BASELINE_NUMBERS
from storage.audits import AuditRepository
from storage.migrations import upgrade
from storage.reference_models import ReferenceRepository
from storage.repository import Repository
from storage.sql import check_exists, normalize_url, open_engine


def read_snapshot(repository: Repository, name: str, *, revision: int | None = None) -> StudySnapshot:
    """Return a study as it stands, or with the front of an earlier revision.

    Raises:
        SelectionError: no such study or revision.
    """
    study = repository.get_study(name)
    front = repository.front(study.id, revision=revision)
    revisions = repository.revisions(study.id)
    return StudySnapshot(
        study=study,
        trials=tuple(repository.trials(study.id)),
        front_numbers=tuple(record.number for record in front),
        revisions=tuple(item for item in revisions if revision is None or item.revision <= revision),
        baselines=BASELINE_NUMBERS,
    )


def read_study(storage: str, name: str) -> StudySnapshot:
    """Return a stored study with its audits and reference models, for a notebook.

    Args:
        storage: database URL or path of an SQLite file that exists; an older one is brought up to date.
        name: of the study.

    Raises:
        StorageError: there is no such database, or it cannot be used.
        SelectionError: it has no such study.
    """
    url = normalize_url(storage)
    check_exists(url)
    engine = open_engine(url)
    try:
        upgrade(engine)
        snapshot = read_snapshot(Repository(engine), name)
        return snapshot.with_audits(AuditRepository(engine)).with_references(ReferenceRepository(engine))
    finally:
        engine.dispose()
