"""The way of a result from a worker into the database: through a file, so that an outage or a kill loses nothing."""

import logging

from search.trials.discards import discarding
from search.trials.outbox import Letter, Result
from search.trials.parts import WorkerParts
from spaces.errors import ArtifactError, FencedError, SelectionError
from storage.records import TrialRecord, TrialState

_log = logging.getLogger(__name__)


def deliver(parts: WorkerParts, result: Result) -> TrialRecord:
    """Put a result into the outbox, store it, and take it out again.

    Raises:
        FencedError: another worker took the trial over; the result is dropped.
        StopRequestedError: somebody asked to stop while the database was away; the result stays in the outbox.
    """
    try:
        letter = parts.outbox.put(result)
    except ArtifactError as error:
        _log.error("the result of trial %d is kept in memory alone: %s", result.lease.number, error)
        return store(parts, result)
    return deliver_letter(parts, letter)


def deliver_letter(parts: WorkerParts, letter: Letter) -> TrialRecord:
    """Store a result that lies in an outbox, and take it out.

    Raises:
        FencedError: another worker took the trial over; the result is dropped.
        SelectionError: the database does not know the trial; the result is dropped.
        StopRequestedError: somebody asked to stop while the database was away; the result stays in the outbox.
    """
    try:
        record = store(parts, letter.result)
    except (FencedError, SelectionError):
        letter.remove()
        raise
    letter.remove()
    return record


def store(parts: WorkerParts, result: Result) -> TrialRecord:
    """Store a result.

    Raises:
        FencedError: another worker took the trial over; the files of the result are removed.
        SelectionError: the database does not know the trial.
        StopRequestedError: somebody asked to stop while the database was away.
    """
    try:
        return parts.patience(lambda: parts.claims.finish(result.lease, result.outcome, artifacts=result.artifacts))
    except FencedError:
        _remove_files(parts, result)
        raise


def _remove_files(parts: WorkerParts, result: Result) -> None:
    number, digests = result.lease.number, set(result.artifacts.values())
    record = parts.patience(lambda: parts.repository.trial(result.lease.study_id, number))
    # The same training has the same files, and a worker that still has the trial may be about to hand them in.
    if record.state is not TrialState.RUNNING:
        with discarding(parts, digests):
            pass
