"""Between rows and what the package hands out: records from rows, JSON columns from values."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from spaces.candidate import Candidate
from spaces.measurement import Measurement
from storage.records import ParentRecord, RevisionRecord, StudyRecord, TrialRecord, TrialState
from storage.schema import ParentRow, RevisionRow, StudyRow, TrialRow


def plain_json(value: Any) -> Any:
    """Return the value as strict JSON knows it, so that every database takes it.

    Mappings become dicts, sequences and arrays lists, NumPy scalars Python numbers, NaN and infinities null (a
    diverged training curve must not cost the trial's record).
    """
    if value is None or isinstance(value, str | int):  # nearly all of a long value; the questions below are dear
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain_json(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def study_record(row: StudyRow) -> StudyRecord:
    """Return the study of a row."""
    return StudyRecord(
        id=row.id,
        name=row.name,
        spec=row.spec,
        spec_fingerprint=row.spec_fingerprint,
        data=row.data,
        versions=row.versions,
        created_at=row.created_at,
    )


def trial_record(row: TrialRow) -> TrialRecord:
    """Return the trial of a row."""
    return TrialRecord(
        number=row.number,
        state=TrialState(row.state),
        candidate=Candidate.from_json(row.candidate),
        seed=row.seed,
        measurement=None if row.measurement is None else Measurement.from_json(row.measurement),
        violations=tuple(row.violations),
        reason=row.reason,
        timings=row.timings,
        details=row.details,
        owner=row.owner,
        is_told=row.is_told,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def revision_record(row: RevisionRow) -> RevisionRecord:
    """Return the front's revision of a row."""
    return RevisionRecord(
        revision=row.revision,
        trial_number=row.number,
        hypervolume=row.hypervolume,
        size=row.size,
        created_at=row.created_at,
    )


def parent_record(row: ParentRow) -> ParentRecord:
    """Return the float parent of a row."""
    return ParentRecord(key=row.key, digest=row.digest, clean_accuracy=row.clean_accuracy, details=row.details)
