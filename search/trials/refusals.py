"""Candidates that need not be trained: tried before, or too large by arithmetic."""

from search.trials.parts import WorkerParts
from spaces.candidate import Candidate
from spaces.objectives import ARITHMETIC_METRICS
from spaces.search_space import BASELINE_NUMBERS
from storage.records import TrialOutcome, TrialRecord, TrialState


def refusal(parts: WorkerParts, record: TrialRecord) -> TrialOutcome | None:
    """Return the outcome of a trial whose candidate need not be trained, or None."""
    fingerprint = record.candidate.fingerprint
    twin = parts.patience(lambda: parts.repository.find_candidate(parts.study.id, fingerprint))
    if twin is not None:
        reason = f"the same candidate as trial {twin.number}"
        return TrialOutcome(state=TrialState.REFUSED, reason=reason, timings={}, details={})
    violations = arithmetic_violations(parts, record.candidate)
    if record.number in BASELINE_NUMBERS or not any(violation > 0 for violation in violations):
        return None
    broken = ", ".join(
        str(constraint)
        for constraint, violation in zip(parts.spec.constraint_values(), violations, strict=True)
        if violation > 0
    )
    metrics = parts.evaluator.cost(record.candidate).metrics()
    reason = f"breaks {broken} by arithmetic: {', '.join(f'{name} = {value}' for name, value in metrics.items())}"
    return TrialOutcome(state=TrialState.REFUSED, reason=reason, timings={}, details={"violations": list(violations)})


def arithmetic_violations(parts: WorkerParts, candidate: Candidate) -> tuple[float, ...]:
    """Return the violation of every constraint that arithmetic decides, 0 for the others."""
    metrics = parts.evaluator.cost(candidate).metrics()
    return tuple(
        constraint.violation(metrics[constraint.name]) if constraint.name in ARITHMETIC_METRICS else 0.0
        for constraint in parts.spec.constraint_values()
    )
