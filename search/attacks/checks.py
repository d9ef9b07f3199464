"""Signs that a robustness figure is not to be trusted: gradients that mislead the attacks, or a model that dodges them.

Follows Athalye et al. 2018, "Obfuscated Gradients Give a False Sense of Security", and Carlini et al. 2019, "On
Evaluating Adversarial Robustness". docs/checks.md says for each check what it means and what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, margin, project, signed_step
from search.attacks.geometry import random_perturbation
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
_TEMPERATURES = (0.01, 0.1, 1.0, 10.0, 100.0)
_TEMPERATURE_GAIN = 0.01


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
        at_most("logits_not_probabilities", float(is_probability), 0.0, is_precondition=True),
        at_most("deterministic", float(np.abs(logits - again).max()), 0.0, is_precondition=True),
        at_most("batch_invariant", moved, _BATCH_TOLERANCE, is_precondition=True),
    )


def suite_checks(examined: Examined, limits: CheckLimits) -> tuple[CheckResult, ...]:
    """Run every check that applies to the search suite."""
    model, suite, steps, seed = examined.model, examined.suite, examined.pgd_steps, examined.seed
    survives = suite.survives
    right = np.flatnonzero(suite.is_right)
    x, y = examined.x[right], examined.y[right]
    by_gradient = survives["fgsm"] & survives["pgd"] & survives["pgd-local"]
    by_twin = by_gradient & survives["pgd-twin"]
    results = [perturbations_valid(examined)]
    if right.size:
        results += gradient_checks(model, x, y, size=suite.epsilons[0])
        results.append(
            more_steps(
                model,
                examined.x,
                examined.y,
                by_gradient,
                attack=PGD(steps=2 * steps, loss=Loss.SCALED_CROSS_ENTROPY),
                threats=[ThreatModel(epsilon=epsilon) for epsilon in suite.epsilons],
                seed=seed,
                bound=limits.more_steps,
            )
        )
        results.append(full_range(model, x, y, steps=2 * steps, seed=seed))
        epsilon = half_way_radius(suite.epsilons, suite.worst_case, clean_accuracy=float(suite.is_right.mean()))
        results.append(logit_temperature(model, x, y, epsilon=epsilon, steps=steps, seed=seed))
    return (
        *results,
        at_most("fgsm_never_beats_pgd", _fgsm_ahead(examined), 0.0),
        at_most("transfer_only_successes", largest_loss(by_gradient, survives["pgd-twin"]), limits.one_sided),
        at_most("black_box_only_successes", largest_loss(by_twin, survives["square"]), limits.one_sided),
        saturated_activations(examined.saturation),
    )


def perturbations_valid(examined: Examined) -> CheckResult:
    """Check that every attack stayed within the largest radius and the valid range."""
    low, high = examined.model.input_range
    excess = 0.0
    for reached in examined.suite.reached.values():
        outside = max(float(low - reached.min()), float(reached.max() - high))
        too_far = float(np.abs(reached - examined.x).max()) - examined.suite.epsilons[-1]
        excess = max(excess, outside, too_far)
    return at_most("perturbations_valid", excess, _VALID_TOLERANCE, is_precondition=True)


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
        at_most("gradients_alive", float(is_dead.mean()), _DEAD_GRADIENTS),
        CheckResult(
            name="step_raises_margin",
            value=float((raised > before).mean()),
            bound=_STEP_SUCCESS,
            passed=bool((raised > before).mean() >= _STEP_SUCCESS),
        ),
        CheckResult(
            name="finite_difference_ratio",
            value=ratio,
            bound=high if ratio > high else low,
            passed=low <= ratio <= high,
        ),
    ]


def more_steps(
    model: Classifier,
    x: Inputs,
    y: Labels,
    left: Survival,
    *,
    attack: Attack,
    threats: Sequence[ThreatModel],
    seed: int,
    bound: float,
) -> CheckResult:
    """Check that an attack with more steps finds hardly more in any ball.

    Args:
        model: the model under test.
        x: clean inputs.  # [n, ...]
        y: labels.  # [n]
        left: what the attacks under test have left standing in each ball.  # [n_threats, n]
        attack: run on that, with twice the steps of the attacks under test.
        threats: the balls.
        seed: of the random starts.
        bound: largest fraction of x that may be broken in one ball.
    """
    broken = _broken_in_each(attack, model, x, y, left, threats=threats, seed=seed)
    return at_most("twice_the_steps", largest_loss(left, left & ~broken), bound)


def _broken_in_each(
    attack: Attack,
    model: Classifier,
    x: Inputs,
    y: Labels,
    standing: Survival,
    *,
    threats: Sequence[ThreatModel],
    seed: int,
) -> Survival:
    """Run an attack in each ball, from new random starts, on what stands there.  # [n_threats, n]"""
    broken = np.zeros_like(standing)
    for index, threat in enumerate(threats):
        rows = np.flatnonzero(standing[index])
        if rows.size:
            rng = np.random.default_rng([seed, index])
            broken[index, rows] = attack(model, x[rows], y[rows], threat, rng=rng).is_broken
    return broken


def _fgsm_ahead(examined: Examined) -> float:
    """Return how much lower FGSM leaves the accuracy than many steps on either of its losses, at any radius.

    The suite's PGD ascends the margin alone; what FGSM alone of the two broke meets as many steps on cross-entropy.
    """
    suite = examined.suite
    fgsm, pgd = suite.survives["fgsm"], suite.survives["pgd"]
    by_cross_entropy = _broken_in_each(
        PGD(steps=examined.pgd_steps, loss=Loss.SCALED_CROSS_ENTROPY),
        examined.model,
        examined.x,
        examined.y,
        pgd & ~fgsm,
        threats=[ThreatModel(epsilon=epsilon) for epsilon in suite.epsilons],
        seed=examined.seed,
    )
    many = pgd & ~np.logical_or.accumulate(by_cross_entropy, axis=0)  # what breaks in a ball breaks in larger ones
    return float((many.mean(axis=1) - fgsm.mean(axis=1)).max())


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
    return at_most("full_range_breaks_everything", float(left.mean()), _FULL_RANGE_LEFT)


def saturated_activations(fractions: Mapping[str, float]) -> CheckResult:
    """Check that no activation sits at the top of its quantizer's range too often.

    Args:
        fractions: activation -> fraction of its values at or above the clip, on clean inputs.
    """
    return at_most("saturated_activations", max(fractions.values(), default=0.0), _SATURATED)


def logit_temperature(model: Classifier, x: Inputs, y: Labels, *, epsilon: float, steps: int, seed: int) -> CheckResult:
    """Check that PGD breaks hardly more when the logits are divided by a temperature (Gupta and Ajanthan 2020).

    A first PGD on plain cross-entropy is run on everything; on what it has left, one more for each temperature in
    {0.01, 0.1, 1, 10, 100}, all from the same new random starts. The value is the fraction of x that the best of them
    broke, less the fraction that temperature 1 broke, which is what a mere restart gains.

    Args:
        model: the model under test.
        x: clean inputs that are classified right.  # [n, ...]
        y: labels.  # [n]
        epsilon: L-inf radius, in input units.
        steps: of each PGD.
        seed: of the random starts.
    """
    threat = ThreatModel(epsilon=epsilon)
    rng = np.random.default_rng(seed)
    first = PGD(steps=steps, loss=Loss.CROSS_ENTROPY)(model, x, y, threat, rng=rng)
    rows = np.flatnonzero(~first.is_broken)
    start = x[rows] + random_perturbation(x[rows].shape, threat, rng)
    broken = {}
    for temperature in _TEMPERATURES:
        attack = PGD(steps=steps, loss=Loss.CROSS_ENTROPY, scale=1 / temperature)
        broken[temperature] = int(attack(model, x[rows], y[rows], threat, start=start, rng=rng).is_broken.sum())
    gained = max(broken.values()) - broken[1.0]
    return at_most("logit_temperature", gained / max(len(x), 1), _TEMPERATURE_GAIN)


def half_way_radius(epsilons: Sequence[float], accuracy: Sequence[float], *, clean_accuracy: float) -> float:
    """Return the radius whose accuracy is nearest to half the clean one: where attacks can differ most."""
    nearest = np.abs(np.asarray(accuracy) - clean_accuracy / 2).argmin()
    return epsilons[int(nearest)]


def largest_loss(before: Survival, after: Survival) -> float:
    """Return the largest fraction of the examples, over the rows, that stands in `before` and no more in `after`."""
    return float((before & ~after).mean(axis=1).max())


def at_most(name: str, value: float, bound: float, *, is_precondition: bool = False) -> CheckResult:
    """Return a check that a finite value passes which does not exceed its bound."""
    passed = bool(np.isfinite(value) and value <= bound)
    return CheckResult(name=name, value=value, bound=bound, passed=passed, is_precondition=is_precondition)
