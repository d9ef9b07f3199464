"""Reading a study's records into the snapshot that figures and tables are made of."""

from dashboards.snapshot import StudySnapshot
from spaces.search_space import BASELINE_NUMBERS
from storage.repository import Repository


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
