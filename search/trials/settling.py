"""What follows from a recorded result: Optuna hears of it, superfluous files go."""

from search.trials.leftovers import remove_checkpoints, remove_models
from search.trials.parts import WorkerParts
from storage.records import TrialRecord, TrialState


def settle(parts: WorkerParts, record: TrialRecord) -> None:
    """Do what follows from a result; the mark comes last, so a kill in between has it all done again.

    Two workers may settle the same result at the same time.
    """
    parts.patience(lambda: _tell(parts, record))
    remove_checkpoints(parts, record.number)
    if not parts.keep_all:
        remove_models(parts, record.number)
    parts.patience(lambda: parts.repository.mark_told(parts.study.id, number=record.number))


def _tell(parts: WorkerParts, record: TrialRecord) -> None:
    optuna_study, reason = parts.optuna_study, record.reason or ""
    violations = record.details.get("violations", [])
    match record.state:
        case TrialState.COMPLETE if record.measurement is not None:
            values = [record.measurement.metric(item.name) for item in parts.spec.objectives]
            is_withheld = float(record.measurement.withheld_reason is not None)
            optuna_study.tell_complete(record.number, values, violations=[*record.violations, is_withheld])
        case TrialState.STOPPED:
            optuna_study.tell_stopped(record.number, reason=reason, violations=violations)
        case TrialState.REFUSED:
            optuna_study.tell_refused(record.number, reason=reason, violations=violations)
        case _:
            optuna_study.tell_failed(record.number, reason=reason)
