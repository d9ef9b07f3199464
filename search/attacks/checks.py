"""Signs that a robustness figure is not to be trusted: gradients that mislead the attacks, or a model that dodges them.

Follows Athalye et al. 2018, "Obfuscated Gradients Give a False Sense of Security", and Carlini et al. 2019, "On
Evaluating Adversarial Robustness". docs/checks.md says for each check what it means and what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.attacks.base import Classifier, Inputs, Labels, ThreatModel, margin, project, signed_step
from search.attacks.losses import Backward, Loss
from search.attacks.pgd import PGD
from search.attacks.suite import SuiteResult, Survival
from spaces.check_result import CheckResult

_BATCH_TOLERANCE = 1e-3  # of the logits' spread: another batch size sums in another order, and a code may flip
_VALID_TOLERANCE = 1e-6
_DEAD_GRADIENTS = 0.01
_STEP_SUCCESS = 0.9
_SLOPE_RATIO = (0.5, 2.0)
_SATURATED = 0.25
_FULL_RANGE_LEFT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLimits:
    """Bounds that differ between the suites, as fractions.

    Attributes:
        more_steps: how much twice the steps may change the accuracy at any radius.
        one_sided: how many examples may be broken by black-box attacks alone, by transfer alone, or by noise alone.
    """

    more_steps: float
    one_sided: float


SEARCH_LIMITS = CheckLimits(more_steps=0.03, one_sided=0.02)
AUDIT_LIMITS = CheckLimits(more_steps=0.01, one_sided=0.005)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the checks look at.

    Attributes:
        model: the model under test.
        x, y: the attacked examples.  # [n, ...], [n]
        suite: what the suite found on them, its stages named as `search.attacks.suite.search_suite` names them.
        pgd_steps: of the suite's PGD.
        seed: of the suite.
        saturation: activation -> fraction of its values at or above the clip, on clean inputs.
    """

    model: Classifier
    x: Inputs
    y: Labels
    suite: SuiteResult
    pgd_steps: int
    seed: int
    saturation: dict[str, float]


def preconditions(model: Classifier, x: Inputs) -> tuple[CheckResult, ...]:
    """Check what must hold before any figure counts: logits, determinism, independence of the batch.

    Args:
        model: the model under test.
        x: clean inputs.  # [n, ...]
    """
    logits = model.logits(x)
    again = model.logits(x)
    halves = np.concatenate([model.logits(part) for part in np.array_split(x, 3) if len(part)])
    spread = float(np.maximum(logits.max(axis=1) - logits.min(axis=1), np.finfo(np.float32).tiny).mean())
    is_probability = bool(
        (logits >= 0).all() and (logits <= 1).all() and np.allclose(logits.sum(axis=1), 1.0, atol=1e-3)
    )
    moved = float(np.median(np.abs(logits - halves).max(axis=1)) / spread)
    return (
        _at_most("logits_not_probabilities", float(is_probability), 0.0, is_precondition=True),
        _at_most("deterministic", float(np.abs(logits - again).max()), 0.0, is_precondition=True),
        _at_most("batch_invariant", moved, _BATCH_TOLERANCE, is_precondition=True),
    )


def suite_checks(examined: Examined, limits: CheckLimits) -> tuple[CheckResult, ...]:
    """Run every check that applies to a suite of FGSM, PGD, PGD through the float twin, and Square."""
    suite = examined.suite
    right = np.flatnonzero(suite.is_right)
    x, y = examined.x[right], examined.y[right]
    results = [perturbations_valid(examined)]
    if right.size:
        results += gradient_checks(examined.model, x, y, size=suite.epsilons[0])
        results.append(more_steps(examined, limits))
        results.append(full_range(examined.model, x, y, steps=2 * examined.pgd_steps, seed=examined.seed))
    survives = suite.survives
    beaten = max(np.subtract(suite.attack_accuracy["pgd"], suite.attack_accuracy["fgsm"]))
    by_transfer = _lost(survives["pgd-twin"], survives, before=("fgsm", "pgd"))
    by_queries = _lost(survives["square"], survives, before=("fgsm", "pgd", "pgd-twin"))
    results.append(_at_most("fgsm_never_beats_pgd", float(beaten), 0.0))
    results.append(_at_most("transfer_only_successes", by_transfer, limits.one_sided))
    results.append(_at_most("black_box_only_successes", by_queries, limits.one_sided))
    worst = max(examined.saturation.values(), default=0.0)
    results.append(_at_most("saturated_activations", worst, _SATURATED))
    return tuple(results)


def perturbations_valid(examined: Examined) -> CheckResult:
    """Check that every attack stayed within the largest radius and the valid range."""
    low, high = examined.model.input_range
    excess = 0.0
    for reached in examined.suite.reached.values():
        outside = max(float(low - reached.min()), float(reached.max() - high))
        too_far = float(np.abs(reached - examined.x).max()) - examined.suite.epsilons[-1]
        excess = max(excess, outside, too_far)
    return _at_most("perturbations_valid", excess, _VALID_TOLERANCE, is_precondition=True)


def gradient_checks(model: Classifier, x: Inputs, y: Labels, *, size: float) -> list[CheckResult]:
    """Check that gradients are there, point upwards, and have about the length that the function has.

    Args:
        model: the model under test.
        x: clean inputs that are classified right.  # [n, ...]
        y: labels.  # [n]
        size: L-inf size of the step that is tried, in input units.
    """
    logits, gradient = model.loss_gradient(x, y, loss=Loss.MARGIN, backward=Backward.SURROGATE)
    flat = gradient.reshape(len(x), -1)
    is_dead = ~np.isfinite(flat).all(axis=1) | (np.abs(flat).max(axis=1) == 0)
    before = margin(logits, y)
    up = project(signed_step(x, gradient, size=size), x, epsilon=size, input_range=model.input_range)
    down = project(signed_step(x, gradient, size=-size), x, epsilon=size, input_range=model.input_range)
    raised = margin(model.logits(up), y)
    expected = np.sum((up - down).reshape(len(x), -1) * flat, axis=1)
    measured = raised - margin(model.logits(down), y)
    alive = expected > 0
    ratio = float(np.median(measured[alive] / expected[alive])) if alive.any() else 0.0
    low, high = _SLOPE_RATIO
    return [
        _at_most("gradients_alive", float(is_dead.mean()), _DEAD_GRADIENTS),
        CheckResult(
            name="step_raises_margin",
            value=float((raised > before).mean()),
            bound=_STEP_SUCCESS,
            passed=bool((raised > before).mean() >= _STEP_SUCCESS),
        ),
        CheckResult(name="finite_difference_ratio", value=ratio, bound=low, passed=low <= ratio <= high),
    ]


def more_steps(examined: Examined, limits: CheckLimits) -> CheckResult:
    """Check that PGD with twice the steps finds hardly more, at any radius."""
    suite = examined.suite
    attack = PGD(steps=2 * examined.pgd_steps)
    largest = 0.0
    for index, epsilon in enumerate(suite.epsilons):
        rows = np.flatnonzero(suite.survives["pgd"][index])
        if rows.size:
            rng = np.random.default_rng([examined.seed, index])
            result = attack(examined.model, examined.x[rows], examined.y[rows], ThreatModel(epsilon=epsilon), rng=rng)
            largest = max(largest, float(result.is_broken.sum() / len(examined.x)))
    return _at_most("twice_the_steps", largest, limits.more_steps)


def full_range(model: Classifier, x: Inputs, y: Labels, *, steps: int, seed: int) -> CheckResult:
    """Check that a perturbation as wide as the input range leaves nothing robust."""
    low, high = model.input_range
    rng = np.random.default_rng(seed)
    left = np.ones(len(x), dtype=bool)
    for backward in Backward:
        rows = np.flatnonzero(left)
        if not rows.size:
            break
        attack = PGD(steps=steps, loss=Loss.SCALED_CROSS_ENTROPY, backward=backward)
        result = attack(model, x[rows], y[rows], ThreatModel(epsilon=high - low), rng=rng)
        left[rows] = ~result.is_broken
    return _at_most("full_range_breaks_everything", float(left.mean()), _FULL_RANGE_LEFT)


def _lost(after: Survival, survives: Mapping[str, Survival], *, before: Sequence[str]) -> float:
    """Return the largest fraction, over radii, that one stage broke and the stages before had left."""
    left = np.logical_and.reduce([survives[name] for name in before])
    return float((left & ~after).mean(axis=1).max())


def _at_most(name: str, value: float, bound: float, *, is_precondition: bool = False) -> CheckResult:
    passed = bool(np.isfinite(value) and value <= bound)
    return CheckResult(name=name, value=value, bound=bound, passed=passed, is_precondition=is_precondition)
