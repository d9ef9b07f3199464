"""How far an audit is and how long it may still take, from the work that is done."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.attacks.audit_plan import AuditStep, Scope
from search.attacks.audit_suite import Target
from spaces.audit import AttackOutcome, surviving
from spaces.norms import Norm

CHECKS = "checks"  # name of the last step, which no attack has


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditProgress:
    """Where an audit stands.

    Attributes:
        position, total: of the step that is being run, counted from 1, and how many there are: attacks, then checks.
        name, norm: of that attack; the checks have no norm.
        fraction: of the whole work, estimated, in [0, 1].
        left_s: estimated seconds; None before anything is known.
        gradients_per_s: gradients of one example a second, what takes as long as so many counted in; None before then.
    """

    position: int
    total: int
    name: str
    norm: Norm | None
    fraction: float
    left_s: float | None
    gradients_per_s: float | None


class AuditClock:
    """Estimates the time left; what an earlier run has finished counts as no work."""

    def __init__(self, plan: Sequence[AuditStep], target: Target, *, checks_work: float) -> None:
        """Start the clock.

        Args:
            plan: the attacks; the checks come after them.
            target: what is audited.
            checks_work: of the checks, as `AuditStep.work` counts.
        """
        self._plan = plan
        self._target = target
        self._checks_work = checks_work * int(target.is_right.sum())
        self._began = time.monotonic()
        self._done = self._current = self._later = 0.0
        self._index = 0

    def begin(self, index: int, outcomes: Mapping[tuple[str, Norm], AttackOutcome]) -> None:
        """Go on to a step; what the steps before have left tells how much the later ones have to do.

        Args:
            index: of the step in the plan; its length for the checks.
            outcomes: of the attacks that are finished, by name and norm.
        """
        self._done += self._current
        self._index = index
        works = [
            0.0 if (step.attack.name, step.norm) in outcomes else self._work(step, list(outcomes.values()))
            for step in self._plan[index:]
        ]
        self._current, *later = [*works, self._checks_work]
        self._later = sum(later)

    def progress(self, fraction: float) -> AuditProgress:
        """Return where the audit stands after a fraction of the present step."""
        done = self._done + fraction * self._current
        left = (1 - fraction) * self._current + self._later
        spent = time.monotonic() - self._began
        step = self._plan[self._index] if self._index < len(self._plan) else None
        return AuditProgress(
            position=self._index + 1,
            total=len(self._plan) + 1,
            name=CHECKS if step is None else step.attack.name,
            norm=None if step is None else step.norm,
            fraction=done / (done + left) if done + left else 1.0,
            left_s=spent / done * left if done else None,
            gradients_per_s=done / spent if done and spent else None,
        )

    def _work(self, step: AuditStep, outcomes: Sequence[AttackOutcome]) -> float:
        n_right = int(self._target.is_right.sum())
        if step.examples is not None:
            return step.work * min(step.examples, len(self._target.x)) * n_right / len(self._target.x)
        if step.scope is Scope.SURVIVORS and any(outcome.norm is step.norm for outcome in outcomes):
            n_right = int(surviving(self._target.is_right, outcomes, step.norm)[0].sum())
        return step.work * n_right
