"""From a network to its measurement, at the end of its training or at a rung: accuracies, the checks, the cost."""

from dataclasses import replace

import numpy as np

from search.attacks.checks import SEARCH_LIMITS, Examined, preconditions, suite_checks
from search.attacks.suite import SuiteResult, run_suite, search_suite
from search.data.dataset import Dataset, Examples, Split
from search.data.splits import stratified_indices
from search.metrics.cost import Cost
from search.metrics.saturation import saturated_fractions
from search.models.classifier import NetworkClassifier
from search.models.network import Network
from spaces.check_result import CheckResult
from spaces.errors import TrialError
from spaces.measurement import Measurement
from spaces.study_spec import StudySpec
from spaces.work_steps import OnSteps, WorkSteps, unwatched

_SATURATION_EXAMPLES = 64


def measure(
    network: Network,
    classifier: NetworkClassifier,
    *,
    dataset: Dataset,
    spec: StudySpec,
    cost: Cost,
    seed: int,
    on_steps: OnSteps = unwatched,
) -> Measurement:
    """Measure a trained network; the same examples and random starts serve every trial of a study.

    Args:
        network: trained, with a candidate's policies.
        classifier: the compiled view of the network; refreshed here.
        dataset: clean accuracy is taken on its validation split, robust accuracy on its attack subset.
        spec: names radii, steps and the study's seed.
        cost: what the candidate costs.
        seed: the trial's seed, for the record.
        on_steps: told of every attack, and of the checks behind them.

    Raises:
        TrialError: a logit is not finite.
    """
    classifier.refresh()
    attack, n_parts = dataset.attack, len(search_suite(spec.robustness.pgd_steps)) + 1
    suite = _attacked(
        classifier, attack, spec, on_steps=lambda steps: on_steps(replace(steps, noun="parts", total=n_parts))
    )
    on_steps(WorkSteps(what="checks", noun="parts", done=n_parts - 1, total=n_parts))
    examined = Examined(
        model=classifier,
        x=attack.x,
        y=attack.y,
        suite=suite,
        pgd_steps=spec.robustness.pgd_steps,
        seed=spec.seed,
        saturation=saturated_fractions(network, attack.x[:_SATURATION_EXAMPLES]),
    )
    return _measurement(
        suite,
        clean_accuracy=clean_accuracy(classifier, dataset.validation),
        cost=cost,
        epochs=spec.training.epochs,
        seed=seed,
        checks=preconditions(classifier, attack.x) + suite_checks(examined, SEARCH_LIMITS),
    )


def measure_at_rung(
    classifier: NetworkClassifier,
    *,
    dataset: Dataset,
    spec: StudySpec,
    cost: Cost,
    seed: int,
    epochs: int,
    on_steps: OnSteps = unwatched,
) -> Measurement:
    """Measure a network in the middle of its training, whose weights stay as they are.

    Attacked are `early_stopping.attack_examples` of the attack subset, chosen by class, the same for every trial. Of
    the checks only the preconditions are run: they say whether the figures count at all, which a decision has to know;
    the others cost as much as the attacks, and who goes on meets them at the end. The other arguments are those of
    `measure`.

    Args:
        epochs: that are done.
        on_steps: told of every attack.

    Raises:
        TrialError: a logit is not finite.
    """
    classifier.refresh()
    everything = dataset.attack
    rng = np.random.default_rng(spec.seed)
    chosen = stratified_indices(everything.y, spec.early_stopping.attack_examples, rng)
    attack = Examples(x=everything.x[chosen], y=everything.y[chosen])
    return _measurement(
        _attacked(classifier, attack, spec, on_steps=on_steps),
        clean_accuracy=clean_accuracy(classifier, dataset.validation),
        cost=cost,
        epochs=epochs,
        seed=seed,
        checks=preconditions(classifier, attack.x),
    )


def _attacked(classifier: NetworkClassifier, attack: Examples, spec: StudySpec, *, on_steps: OnSteps) -> SuiteResult:
    return run_suite(
        classifier,
        attack.x,
        attack.y,
        epsilons=spec.robustness.epsilons,
        stages=search_suite(spec.robustness.pgd_steps),
        seed=spec.seed,
        on_steps=on_steps,
    )


def _measurement(
    suite: SuiteResult, *, clean_accuracy: float, cost: Cost, epochs: int, seed: int, checks: tuple[CheckResult, ...]
) -> Measurement:
    return Measurement(
        clean_accuracy=clean_accuracy,
        robust_accuracy=suite.robust_accuracy,
        epsilons=suite.epsilons,
        worst_case=suite.worst_case,
        attack_accuracy=suite.attack_accuracy,
        subset_clean_accuracy=float(suite.is_right.mean()),
        size_bytes=cost.size_bytes,
        macs=cost.macs,
        bops=cost.bops,
        ram_bytes=cost.ram_bytes,
        epochs=epochs,
        seed=seed,
        checks=checks,
    )


def clean_accuracy(classifier: NetworkClassifier, part: Split) -> float:
    """Return the fraction of a part of the data that is classified right.

    Raises:
        TrialError: a logit is not finite.
    """
    logits = classifier.logits(part.inputs())
    if not np.isfinite(logits).all():
        raise TrialError("the trained network gives logits that are not finite")
    return float((logits.argmax(axis=1) == part.y).mean())


def float_accuracy(network: Network, part: Split, input_range: tuple[float, float]) -> float:
    """Return the clean accuracy of a network's float twin."""
    classifier = NetworkClassifier(network, input_range=input_range, quantized=False)
    classifier.refresh()
    return clean_accuracy(classifier, part)
