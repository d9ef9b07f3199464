"""A trial's result inside a transaction: its row and, where it changes the front, the ledger, both or nothing."""

from datetime import datetime

from sqlalchemy.orm import Session

from spaces.objectives import violations
from storage import front_ledger
from storage.conversion import plain_json, trial_record
from storage.records import TrialOutcome
from storage.schema import StudyRow, TrialRow


def store_outcome(session: Session, study: StudyRow, row: TrialRow, outcome: TrialOutcome, *, at: datetime) -> None:
    """Finish a running trial; the study's row must be locked.

    Only feasible COMPLETE trials enter the front. Numbers in `details` and `timings` that are not finite become null.
    """
    row.state, row.reason, row.finished_at = outcome.state.value, outcome.reason, at
    row.lease_expires_at = None
    row.timings, row.details = plain_json(outcome.timings), plain_json(outcome.details)
    if outcome.measurement is not None:
        spec = front_ledger.stored_spec(study)
        row.measurement = plain_json(outcome.measurement.to_json())
        row.violations = list(violations(outcome.measurement, spec.constraint_values()))
        if trial_record(row).is_feasible:
            front_ledger.record_arrival(
                session, study.id, number=row.number, measurement=outcome.measurement, spec=spec, at=at
            )
    session.flush()
