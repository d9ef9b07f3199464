"""The rows that nearly every transaction begins with: a study, locked or not, and one of its trials."""

from sqlalchemy.orm import Session

from spaces.errors import SelectionError
from storage.schema import StudyRow, TrialRow


def study_row(session: Session, study_id: int) -> StudyRow:
    """Return a study's row.

    Raises:
        SelectionError: there is no such study.
    """
    return _existing(session.get(StudyRow, study_id), study_id)


def lock_study(session: Session, study_id: int) -> StudyRow:
    """Return a study's row, locked until the transaction ends: the writers of one study come one after the other.

    SQLite ignores the clause, its write transactions exclude each other anyway. Elsewhere this lock makes what a
    transaction decides on its own: the number of the next revision, the count of the budget, who gets a trial.

    Raises:
        SelectionError: there is no such study.
    """
    return _existing(session.get(StudyRow, study_id, with_for_update={"key_share": True}), study_id)


def trial_row(session: Session, study_id: int, number: int) -> TrialRow:
    """Return a trial's row.

    Raises:
        SelectionError: there is no such study or trial.
    """
    row = session.get(TrialRow, (study_id, number))
    if row is None:
        name = study_row(session, study_id).name
        raise SelectionError(f"study {name!r} has no trial {number}; list its trials to see which it has.")
    return row


def _existing(row: StudyRow | None, study_id: int) -> StudyRow:
    if row is None:
        raise SelectionError(f"no study has the id {study_id}; look it up by its name.")
    return row
