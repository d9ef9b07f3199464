"""Attack after attack over the grid: nested, on survivors only, averaged; and PGD beside FGSM on a trained network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from search.attacks.base import Attack, Inputs, Labels, ThreatModel
from search.attacks.fgsm import FGSM
from search.attacks.pgd import PGD
from search.attacks.suite import Stage, SuiteResult, run_suite
from search.models.classifier import NetworkClassifier
from search.models.network import Network
from search.models.topology import Flatten
from search.models.topology_builder import TopologyBuilder
from search.training.fit import FitPlan, fit
from search.training.step import StepSettings, TrainingStep
from tests.search.attacks.builders import CountingAttack, make_linear

EPSILONS = (0.005, 0.01, 0.02, 0.04, 0.08)


def staged(attacks: Sequence[Attack]) -> list[Stage]:
    return [Stage(attack=attack) for attack in attacks]


def test_accuracy_on_a_linear_model_is_the_share_of_larger_least_radii() -> None:
    model, x, y = make_linear(n=60)
    radii = model.least_epsilon(x, y)
    assert np.abs(radii[:, None] / np.array(EPSILONS) - 1).min() > 1e-3  # none on the edge
    result = run_suite(model, x, y, epsilons=EPSILONS, stages=staged([FGSM(), PGD(steps=20)]), seed=1)
    expected = [float((radii > epsilon).mean()) for epsilon in EPSILONS]
    assert 0 < expected[1] < expected[0] < 1
    assert result.worst_case == pytest.approx(expected)
    assert result.attack_accuracy["fgsm"] == pytest.approx(tuple(expected))
    assert result.robust_accuracy == pytest.approx(np.mean(expected))


def test_accuracy_never_rises_with_the_radius_and_what_is_broken_stays_broken() -> None:
    model, x, y = make_linear(n_classes=4, n=60)
    y = y.copy()
    y[:10] = (y[:10] + 1) % 4  # wrong from the start
    result = run_suite(model, x, y, epsilons=EPSILONS, stages=staged([FGSM(), PGD(steps=5)]), seed=1)
    assert result.is_right.tolist() == [False] * 10 + [True] * 50
    for matrix in result.survives.values():
        assert not matrix[:, :10].any()
        assert (matrix[1:] <= matrix[:-1]).all()
    assert list(result.worst_case) == sorted(result.worst_case, reverse=True)


def test_an_attack_sees_only_what_has_survived_it() -> None:
    model, x, y = make_linear(n=60)
    y = y.copy()
    y[:5] = 1 - y[:5]
    attacks = [CountingAttack(FGSM()), CountingAttack(PGD(steps=10))]
    result = run_suite(model, x, y, epsilons=EPSILONS, stages=staged(attacks), seed=1)
    for attack in attacks:
        survivors = [55, *result.survives[attack.name].sum(axis=1)]
        assert attack.calls == [
            (epsilon, count) for epsilon, count in zip(EPSILONS, survivors, strict=False) if count > 0
        ]
        assert survivors[-1] < 55


def test_an_example_starts_at_the_same_place_whatever_the_model_gets_right() -> None:
    model, x, y = make_linear(n=20)
    some_wrong = y.copy()
    some_wrong[:7] = 1 - some_wrong[:7]
    starts: list[Inputs] = []

    class Recording(Attack):
        name = "recording"

        def run(self, model: Any, x: Inputs, y: Labels, threat: ThreatModel, *, start: Any, rng: Any) -> Inputs:
            starts.append(start.copy())
            return x

    for labels in (y, some_wrong):
        run_suite(model, x, labels, epsilons=EPSILONS[:1], stages=staged([Recording()]), seed=1)
    np.testing.assert_array_equal(starts[0][7:], starts[1])


def test_nothing_is_attacked_where_nothing_is_right() -> None:
    model, x, y = make_linear()
    attack = CountingAttack(FGSM())
    result = run_suite(model, x, 1 - y, epsilons=EPSILONS, stages=staged([attack]), seed=1)
    assert attack.calls == []
    assert result.robust_accuracy == 0


def test_worst_case_is_taken_example_by_example() -> None:
    survives = {
        "a": np.array([[True, True, False, True], [True, False, False, True]]),
        "b": np.array([[False, True, True, True], [False, True, False, True]]),
    }
    result = SuiteResult(epsilons=(0.1, 0.2), is_right=np.ones(4, bool), survives=survives, reached={})
    assert result.attack_accuracy == {"a": (0.75, 0.5), "b": (0.75, 0.5)}
    assert result.worst_case == (0.5, 0.25)
    assert result.robust_accuracy == 0.375


def test_equal_seeds_give_equal_suites() -> None:
    model, x, y = make_linear(n_classes=4, n=60)
    first, again = (run_suite(model, x, y, epsilons=EPSILONS, stages=staged([PGD(steps=2)]), seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.survives["pgd"], again.survives["pgd"])


@pytest.fixture(scope="module")
def trained() -> tuple[NetworkClassifier, Inputs, Labels]:
    """Return a small network that has learned noisy stripes, and examples that it has not seen."""
    rng = np.random.default_rng(0)
    y = np.arange(192) % 3
    patterns = 0.5 + 0.15 * np.sign(rng.normal(0, 1, (3, 6, 6, 1)))
    x = np.clip(patterns[y] + rng.normal(0, 0.15, (192, 6, 6, 1)), 0, 1).astype(np.float32)
    builder = TopologyBuilder("stripes", (6, 6, 1))
    features = builder.norm_relu(builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3), strides=(2, 2)))
    builder.dense(builder.add(Flatten(name="flatten", inputs=(features,))), "dense", units=3)
    network = Network(builder.build())
    network.initialize(1)
    settings = StepSettings(weight_decay=1e-4, jacobian_examples=4, input_range=(0.0, 1.0))
    plan = FitPlan(quantized=False, epochs=25, batches_per_epoch=4, learning_rate=0.03, seed=1, n_classes=3)

    def batches(_: int) -> list[Any]:
        return [(x[rows], y[rows]) for rows in np.arange(128).reshape(4, 32)]

    fit(TrainingStep(network, settings), plan, batches=batches, on_progress=lambda _: None, should_stop=lambda: False)
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0), quantized=False)
    classifier.refresh()
    return classifier, x[128:], y[128:]


@pytest.mark.parametrize("epsilon", [0.02, 0.05, 0.1])
def test_pgd_is_not_weaker_than_fgsm_on_a_trained_network(trained: Any, epsilon: float) -> None:
    model, x, y = trained
    right = model.logits(x).argmax(axis=1) == y
    assert right.mean() > 0.8
    broken = {}
    attacks: list[Attack] = [FGSM(), PGD(steps=20)]
    for attack in attacks:
        result = attack(model, x[right], y[right], ThreatModel(epsilon=epsilon), rng=np.random.default_rng(1))
        broken[attack.name] = int(result.is_broken.sum())
    assert broken["pgd"] >= broken["fgsm"] - 1
    assert broken["pgd"] > 0


def test_suite_on_a_trained_network_falls_from_clean_accuracy_to_nothing(trained: Any) -> None:
    model, x, y = trained
    result = run_suite(model, x, y, epsilons=(0.01, 0.05, 0.5), stages=staged([FGSM(), PGD(steps=10)]), seed=1)
    assert result.worst_case[0] > 0.5
    assert result.worst_case[-1] == 0
