"""The way of a result from a worker into the database: through a file, so that an outage or a kill loses nothing."""

import logging

from search.trials.discards import discard_late
from search.trials.outbox import Letter, Result
from search.trials.parts import WorkerParts
from spaces.errors import ArtifactError, FencedError, SelectionError
from storage.records import TrialRecord

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
        discard_late(parts, result.lease, set(result.artifacts.values()))
        raise
