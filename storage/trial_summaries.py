"""Trials in brief, for figures over thousands of them: what was measured and when, without the candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, cast, or_, select
from sqlalchemy.orm import Session

from spaces.objectives import METRICS
from storage.records import TrialRecord, TrialState
from storage.schema import TrialRow

_NO_METRICS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSummary:
    """One trial in brief; the fields are those of `TrialRecord` and its measurement.

    Attributes:
        metrics: metric of `spaces.objectives.METRICS` -> value; empty unless the trial is complete.
        is_feasible: as `TrialRecord.is_feasible`.
        is_suspect: whether a check of the measurement fired.
    """

    number: int
    state: TrialState
    metrics: Mapping[str, float]
    is_feasible: bool
    is_suspect: bool
    reason: str | None
    owner: str
    started_at: datetime
    finished_at: datetime | None

    @property
    def is_measured(self) -> bool:
        """Whether the trial is complete."""
        return bool(self.metrics)


def read_summaries(session: Session, study_id: int, *, from_number: int = 0) -> list[TrialSummary]:
    """Return the trials from a number on, by number.

    Two queries. The database takes the metrics out of the measurements, whose JSON would take most of the time.
    """
    chosen = (TrialRow.study_id == study_id, TrialRow.number >= from_number)
    fired = _fired_checks(session, *chosen)
    query = select(
        TrialRow.number,
        TrialRow.state,
        TrialRow.violations,
        TrialRow.reason,
        TrialRow.owner,
        TrialRow.started_at,
        TrialRow.finished_at,
        *(TrialRow.measurement[name].as_float() for name in METRICS),
    ).where(*chosen)
    return [_summary(row, failed=fired.get(row.number, ())) for row in session.execute(query.order_by(TrialRow.number))]


def _fired_checks(session: Session, *chosen: ColumnElement[bool]) -> dict[int, list[Mapping[str, Any]]]:
    """Return trial number -> its checks that fired; only measurements that speak of one are read."""
    text = cast(TrialRow.measurement, Text)
    speaks = or_(text.like('%"passed": false%'), text.like('%"passed":false%'))
    query = select(TrialRow.number, TrialRow.measurement["checks"]).where(*chosen, speaks)
    return {number: [check for check in checks if not check["passed"]] for number, checks in session.execute(query)}


def _summary(row: Row[Any], *, failed: Sequence[Mapping[str, Any]]) -> TrialSummary:
    is_complete = row.state == TrialState.COMPLETE.value
    is_withheld = any(check["is_precondition"] for check in failed)
    return TrialSummary(
        number=row.number,
        state=TrialState(row.state),
        metrics=dict(zip(METRICS, row[-len(METRICS) :], strict=True)) if is_complete else _NO_METRICS,
        is_feasible=is_complete and not is_withheld and all(violation <= 0 for violation in row.violations),
        is_suspect=bool(failed),
        reason=row.reason,
        owner=row.owner,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def summary_of(trial: TrialRecord) -> TrialSummary:
    """Return a trial in brief that was read in full."""
    measurement = trial.measurement if trial.state is TrialState.COMPLETE else None
    return TrialSummary(
        number=trial.number,
        state=trial.state,
        metrics=_NO_METRICS if measurement is None else {name: measurement.metric(name) for name in METRICS},
        is_feasible=trial.is_feasible,
        is_suspect=measurement is not None and measurement.masking_suspect,
        reason=trial.reason,
        owner=trial.owner,
        started_at=trial.started_at,
        finished_at=trial.finished_at,
    )
