"""The masking checks of an audit: what its own attacks show, and a few runs beside them.

docs/checks.md says for each check what it means and what to do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.attacks.audit_effort import Effort
from search.attacks.audit_plan import AuditStep, Scope
from search.attacks.audit_suite import Target, run_step
from search.attacks.base import ThreatModel
from search.attacks.checks import (
    AUDIT_LIMITS,
    at_most,
    full_range,
    gradient_checks,
    half_way_radius,
    largest_loss,
    logit_temperature,
    preconditions,
    saturated_activations,
)
from search.attacks.fgsm import FGSM
from search.attacks.pgd import PGD
from search.attacks.suite import run_suite, search_suite
from spaces.audit import BLACK_BOX_ATTACKS, AttackOutcome, Flags, surviving, worst_case
from spaces.check_result import CheckResult
from spaces.norms import INPUT_NORMS, Norm

CHECKS_VERSION = 2  # raised when a check measures something else; an audit of before is then checked anew

_RESTARTS_GAIN = 0.02
_RISE = 0.005
_SEARCH_ABOVE_AUDIT = 0.05

_WORK_PER_STEP = 10.0  # gradient evaluations of all checks, an example and step of the audit's PGD

_LONG_ASCENTS = ("pgd", "pgd-restarts", "apgd-ce")  # many steps on the margin and on cross-entropy
_TRANSFER = ("transfer-float", "transfer-sibling")
_BLACK_BOX = tuple(name for name in BLACK_BOX_ATTACKS if name != "noise")
_NOISE = ("noise",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """What the checks look at when all attacks are done.

    Attributes:
        target: what was attacked.
        outcomes: of all attacks of the plan.
        effort: of the audit.
        saturation: activation -> fraction of its values at or above the clip, on clean inputs.
        search_steps: of PGD in the suite with which the search attacked the model; None where no search did, as of a
            reference model.
    """

    target: Target
    outcomes: Sequence[AttackOutcome]
    effort: Effort
    saturation: Mapping[str, float]
    search_steps: int | None


def audit_checks(audited: Audited, *, on_progress: Callable[[float], None] = lambda _: None) -> tuple[CheckResult, ...]:
    """Run every check; equal arguments give equal results.

    Args:
        audited: the finished attacks, and the model to run a few more on.
        on_progress: called with the finished fraction.
    """
    parts = (_clean_checks, _gradient_checks, _convergence_checks, _attack_checks)
    results: list[CheckResult] = []
    for index, part in enumerate(parts):
        results += part(audited)
        on_progress((index + 1) / len(parts))
    return tuple(results)


def checks_work(effort: Effort) -> float:
    """Return the checks' time an example, in the unit of `AuditStep.work`."""
    return _WORK_PER_STEP * effort.pgd_steps


def _clean_checks(audited: Audited) -> list[CheckResult]:
    """Check what needs no attack."""
    return [*preconditions(audited.target.model, audited.target.x), saturated_activations(audited.saturation)]


def _gradient_checks(audited: Audited) -> list[CheckResult]:
    """Check what needs the model's gradients, on what is right when clean."""
    target, steps = audited.target, audited.effort.pgd_steps
    right = np.flatnonzero(target.is_right)
    if not right.size:
        return []
    model, x, y, radii = target.model, target.x[right], target.y[right], target.epsilons[Norm.LINF]
    accuracy = worst_case(target.is_right, audited.outcomes, Norm.LINF).accuracy
    epsilon = half_way_radius(radii, accuracy, clean_accuracy=float(target.is_right.mean()))
    return [
        *gradient_checks(model, x, y, size=radii[0]),
        full_range(model, x, y, steps=steps, seed=target.seed),
        logit_temperature(model, x, y, epsilon=epsilon, steps=steps, seed=target.seed),
    ]


def _convergence_checks(audited: Audited) -> list[CheckResult]:
    """Check that PGD has found what PGD can find."""
    target, outcomes, effort = audited.target, audited.outcomes, audited.effort
    ascents = [outcome for outcome in outcomes if outcome.name in _LONG_ASCENTS]
    longer = PGD(steps=2 * effort.pgd_steps)
    twice, beaten = 0.0, -1.0
    for norm in INPUT_NORMS:
        more = AuditStep(attack=longer, norm=norm, scope=Scope.SURVIVORS, work=0.0)
        once = AuditStep(attack=FGSM(), norm=norm, work=0.0)
        twice = max(twice, _gain(run_step(more, target, outcomes, position=len(outcomes))))
        fgsm = run_step(once, target, [], position=len(outcomes))
        beaten = max(beaten, *np.subtract(surviving(target.is_right, ascents, norm).mean(axis=1), fgsm.accuracy))
    restarts = max(_gain(_named(outcomes, "pgd-restarts", norm)) for norm in INPUT_NORMS)
    return [
        at_most("twice_the_steps", twice, AUDIT_LIMITS.more_steps),
        at_most("restarts", restarts, _RESTARTS_GAIN),
        at_most("fgsm_never_beats_pgd", float(beaten), 0.0),
        at_most("monotone_accuracy", max(_rise(target, norm, effort.monotone_steps) for norm in INPUT_NORMS), _RISE),
    ]


def _attack_checks(audited: Audited) -> list[CheckResult]:
    """Check the attacks of the audit against each other, and the audit against the search."""
    target, outcomes = audited.target, audited.outcomes

    def alone(family: Sequence[str]) -> float:
        return max(_broken_alone(target.is_right, outcomes, family, norm) for norm in INPUT_NORMS)

    return [
        at_most("transfer_only_successes", alone(_TRANSFER), AUDIT_LIMITS.one_sided),
        at_most("black_box_only_successes", alone(_BLACK_BOX), AUDIT_LIMITS.one_sided),
        at_most("noise_only_successes", alone(_NOISE), AUDIT_LIMITS.one_sided),
        *_search_check(target, outcomes, audited.search_steps),
    ]


def _search_check(target: Target, outcomes: Sequence[AttackOutcome], steps: int | None) -> list[CheckResult]:
    """Check the search's suite against the audit, on the same examples: other examples would add their own luck."""
    if steps is None:
        return []
    epsilons = target.epsilons[Norm.LINF]
    searched = run_suite(
        target.model, target.x, target.y, epsilons=epsilons, stages=search_suite(steps), seed=target.seed
    )
    left = float((searched.robust & target.is_right).mean())
    audited = float(np.mean(worst_case(target.is_right, outcomes, Norm.LINF).accuracy))
    return [at_most("search_against_audit", left - audited, _SEARCH_ABOVE_AUDIT)]


def _named(outcomes: Sequence[AttackOutcome], name: str, norm: Norm) -> AttackOutcome:
    return next(outcome for outcome in outcomes if outcome.norm is norm and outcome.name == name)


def _gain(outcome: AttackOutcome) -> float:
    """Return the largest fraction, over radii, that an attack broke of what was standing before it."""
    return largest_loss(outcome.standing, outcome.standing & ~outcome.broken)


def _rise(target: Target, norm: Norm, steps: int) -> float:
    """Return how much the accuracy rises at most from one radius to the next, each attacked from fresh starts."""
    right = np.flatnonzero(target.is_right)
    accuracy = []
    for index, epsilon in enumerate(target.epsilons[norm]):
        rng = np.random.default_rng([target.seed, index])
        threat = ThreatModel(epsilon=epsilon, norm=norm)
        result = PGD(steps=steps)(target.model, target.x[right], target.y[right], threat, rng=rng)
        accuracy.append(float((~result.is_broken).sum()) / len(target.x))
    return float(max([0.0, *np.diff(accuracy)]))


def _broken_alone(is_right: Flags, outcomes: Sequence[AttackOutcome], family: Sequence[str], norm: Norm) -> float:
    """Return the largest fraction of the examples, over radii, that a family broke and no other attack of the norm."""
    others = [outcome for outcome in outcomes if outcome.name not in family]
    return largest_loss(surviving(is_right, others, norm), surviving(is_right, outcomes, norm))
