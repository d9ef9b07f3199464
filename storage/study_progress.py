"""How far every study is, in a handful of queries over all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.conversion import revision_record, study_record
from storage.records import RevisionRecord, StudyRecord, TrialState
from storage.schema import RevisionRow, StudyRow, TrialRow

# Over which the pace is taken: long enough for slow trials, short enough to follow workers that come and go.
PACE_WINDOW = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyProgress:
    """One study and how far it is.

    Attributes:
        counts: trials in each state, zeros included.
        revision: the front's present state.
        started_at: when the first trial began; None before.
        finished_at: when the newest result came; None before.
        trials_per_hour: trained trials in the last `PACE_WINDOW` of work before the newest result, per hour; None
            before there are two.
    """

    study: StudyRecord
    counts: Mapping[TrialState, int]
    revision: RevisionRecord
    started_at: datetime | None
    finished_at: datetime | None
    trials_per_hour: float | None


def read_progress(session: Session) -> list[StudyProgress]:
    """Return every study's progress, oldest study first."""
    studies = [study_record(row) for row in session.scalars(select(StudyRow).order_by(StudyRow.id))]
    counts: dict[int, dict[TrialState, int]] = {}
    grouped = select(TrialRow.study_id, TrialRow.state, func.count()).group_by(TrialRow.study_id, TrialRow.state)
    for study_id, state, count in session.execute(grouped):
        counts.setdefault(study_id, {})[TrialState(state)] = count
    revisions = _latest_revisions(session)
    spans = _spans(session)
    return [
        StudyProgress(
            study=study,
            counts={state: counts.get(study.id, {}).get(state, 0) for state in TrialState},
            revision=revisions[study.id],
            started_at=spans.get(study.id, (None, None))[0],
            finished_at=spans.get(study.id, (None, None))[1],
            trials_per_hour=_pace(session, study.id, *spans.get(study.id, (None, None))),
        )
        for study in studies
    ]


def _latest_revisions(session: Session) -> dict[int, RevisionRecord]:
    newest = (
        select(RevisionRow.study_id, func.max(RevisionRow.revision).label("revision"))
        .group_by(RevisionRow.study_id)
        .subquery()
    )
    query = select(RevisionRow).join(
        newest, (RevisionRow.study_id == newest.c.study_id) & (RevisionRow.revision == newest.c.revision)
    )
    return {row.study_id: revision_record(row) for row in session.scalars(query)}


def _spans(session: Session) -> dict[int, tuple[datetime | None, datetime | None]]:
    query = select(TrialRow.study_id, func.min(TrialRow.started_at), func.max(TrialRow.finished_at))
    return {study_id: (first, last) for study_id, first, last in session.execute(query.group_by(TrialRow.study_id))}


def _pace(session: Session, study_id: int, first: datetime | None, last: datetime | None) -> float | None:
    if first is None or last is None or last <= first:
        return None
    begin = max(first, last - PACE_WINDOW)
    # What was refused cost nothing, so it would flatter the pace.
    trained = select(func.count()).where(
        TrialRow.study_id == study_id,
        TrialRow.state.not_in([TrialState.RUNNING.value, TrialState.REFUSED.value]),
        TrialRow.finished_at > begin,
    )
    n_trained = session.scalars(trained).one()
    return n_trained / ((last - begin).total_seconds() / 3600) if n_trained >= 2 else None
