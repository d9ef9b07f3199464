"""From a trained network to its measurement: clean accuracy, the search suite, the checks, the cost."""

import numpy as np

from search.attacks.checks import SEARCH_LIMITS, Examined, preconditions, suite_checks
from search.attacks.suite import run_suite, search_suite
from search.data.dataset import Dataset, Split
from search.metrics.cost import Cost
from search.metrics.saturation import saturated_fractions
from search.models.classifier import NetworkClassifier
from search.models.network import Network
from spaces.errors import TrialError
from spaces.measurement import Measurement
from spaces.study_spec import StudySpec

_SATURATION_EXAMPLES = 64


def measure(
    network: Network, classifier: NetworkClassifier, *, dataset: Dataset, spec: StudySpec, cost: Cost, seed: int
) -> Measurement:
    """Measure a trained network; the same examples and random starts serve every trial of a study.

    Args:
        network: trained, with a candidate's policies.
        classifier: the compiled view of the network; refreshed here.
        dataset: clean accuracy is taken on its validation split, robust accuracy on its attack subset.
        spec: names radii, steps and the study's seed.
        cost: what the candidate costs.
        seed: the trial's seed, for the record.

    Raises:
        TrialError: a logit is not finite.
    """
    classifier.refresh()
    attack = dataset.attack
    steps = spec.robustness.pgd_steps
    suite = run_suite(
        classifier,
        attack.x,
        attack.y,
        epsilons=spec.robustness.epsilons,
        stages=search_suite(steps),
        seed=spec.seed,
    )
    examined = Examined(
        model=classifier,
        x=attack.x,
        y=attack.y,
        suite=suite,
        pgd_steps=steps,
        seed=spec.seed,
        saturation=saturated_fractions(network, attack.x[:_SATURATION_EXAMPLES]),
    )
    return Measurement(
        clean_accuracy=clean_accuracy(classifier, dataset.validation),
        robust_accuracy=suite.robust_accuracy,
        epsilons=suite.epsilons,
        worst_case=suite.worst_case,
        attack_accuracy=suite.attack_accuracy,
        subset_clean_accuracy=float(suite.is_right.mean()),
        size_bytes=cost.size_bytes,
        macs=cost.macs,
        bops=cost.bops,
        ram_bytes=cost.ram_bytes,
        epochs=spec.training.epochs,
        seed=seed,
        checks=preconditions(classifier, attack.x) + suite_checks(examined, SEARCH_LIMITS),
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
