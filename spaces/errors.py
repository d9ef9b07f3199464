"""The one exception tree of the service; every message says what was passed, what holds and what to do.

    SearchError                     exit code
    |-- SpecError                   2   a study file, a preset or a flag is wrong
    |-- DataError                   2   a data set is missing, damaged or not what was promised
    |-- SelectionError              2   a trial, revision or study that was asked for does not exist
    |-- ArtifactError               2   a stored file cannot be read or written
    |   `-- LostArtifactError       2   it is missing or its hash does not match
    |-- ExportError                 2   an export could not be made or did not pass its check
    |-- NoResultError               1   a launch is over and none of its trials has a result
    |-- ParentError                 2   the float parent cannot be trained, so no trial can
    |-- SetupError                  2   the process cannot run the work (imports, disk, tools)
    |-- DamagedResultsError         2   stored results lack what must be known to compute from them
    |-- StudyMismatchError          3   the stored study differs from what was given now
    |-- StorageError                4   the database cannot be reached or used
    |-- FencedError                 4   another worker has the trial now; a worker drops it and goes on
    |-- WorkerFailedError           *   a worker process fails at every start; * its own exit code
    `-- TrialError                  -   one trial failed; recorded with its reason, the study goes on

The command line turns any of them into one line and the exit code.
"""


class SearchError(Exception):
    """Base of every error that a user can cause or mend; `exit_code` is what the command line returns."""

    exit_code = 2


class SpecError(SearchError):
    """A study specification is wrong: unknown key, empty choice, value out of range, unknown layer."""


class DataError(SearchError):
    """A data set is missing, damaged, or not the one that the study was started with."""


class SelectionError(SearchError):
    """A study, trial or revision that was asked for does not exist or is ambiguous."""


class ArtifactError(SearchError):
    """A file that is stored, or is to be stored, cannot be read or written."""


class LostArtifactError(ArtifactError):
    """A stored file is missing or does not have the hash that the database holds: no second attempt reads it."""


class ExportError(SearchError):
    """An export could not be written or did not pass its own check."""


class NoResultError(SearchError):
    """The trials of a study are spent, and none of them is complete."""

    exit_code = 1


class ParentError(SearchError):
    """The float parent of a topology cannot be trained, so no trial of it can start."""


class SetupError(SearchError):
    """The process cannot do the work: a wrong import order, a missing tool, a full disk."""


class StudyMismatchError(SearchError):
    """The stored study was made with another specification or other data."""

    exit_code = 3


class StorageError(SearchError):
    """The database cannot be reached, is locked by another program, or has an unknown schema.

    Attributes:
        is_transient: whether the same call may well succeed later, because a server or a lock was away.
    """

    exit_code = 4

    def __init__(self, message: str, *, is_transient: bool = False) -> None:
        super().__init__(message)
        self.is_transient = is_transient


class DamagedResultsError(SearchError):
    """Stored results lack what must be known of them, so that nothing can be computed from them."""


class FencedError(SearchError):
    """A worker's lease on a trial ended and another worker took it over; what comes from the first one is refused."""

    exit_code = 4


class WorkerFailedError(SearchError):
    """A worker process failed again and again; `exit_code` is the worker's own."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class TrialError(SearchError):
    """A single trial failed; the worker records `reason` and goes on with the next one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
