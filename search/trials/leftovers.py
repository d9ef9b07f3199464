"""Files that nobody needs any more once a trial is finished: models off the front, checkpoints of rungs."""

from search.trials.discards import discarding
from search.trials.parts import WorkerParts
from spaces.search_space import BASELINE_NUMBERS


def remove_checkpoints(parts: WorkerParts, number: int) -> None:
    """Remove what a finished trial could have been taken up from."""
    if not parts.spec.rungs():
        return
    records = parts.patience(lambda: parts.rungs.rungs(parts.study.id, number=number))
    digests = {digest for record in records for digest in record.checkpoints.values()}
    if digests:
        with discarding(parts, digests):
            parts.patience(lambda: parts.rungs.drop_checkpoints(parts.study.id, number=number))


def remove_models(parts: WorkerParts, number: int) -> None:
    """Remove the models that a finished trial made superfluous: its own, and those that it pushed off the front.

    Those of the front and of the baselines stay.
    """
    repository, study_id = parts.repository, parts.study.id
    kept = {member.number for member in parts.patience(lambda: repository.front(study_id))} | set(BASELINE_NUMBERS)
    for superfluous in (_pushed_off_front(parts, number) | {number}) - kept:
        _remove_model(parts, superfluous)


def _remove_model(parts: WorkerParts, number: int) -> None:
    repository, study_id = parts.repository, parts.study.id
    digests = set(parts.patience(lambda: repository.artifacts(study_id, number)).values())
    if digests:
        with discarding(parts, digests):
            parts.patience(lambda: repository.drop_artifacts(study_id, number=number))


def _pushed_off_front(parts: WorkerParts, number: int) -> set[int]:
    """Return the front that a trial changed, as it was before; nothing where it changed none."""
    repository, study_id = parts.repository, parts.study.id
    revisions = parts.patience(lambda: repository.revisions(study_id))
    before = [revision.revision - 1 for revision in revisions if revision.trial_number == number]
    if not before:
        return set()
    members = parts.patience(lambda: repository.front(study_id, revision=before[0]))
    return {member.number for member in members}
