"""Sensitivities of a float network trained on digits, and the candidates that are made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.data.splits import stratified_indices
from search.evaluation import Evaluator, Watch
from search.metrics.cost import candidate_cost
from search.models.calibration import calibrate_integer_bits
from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.models.topologies import make_topology
from search.models.topology import Topology
from search.parents import Parent, TrainParent
from search.priors import prior_params
from search.sensitivity import Sensitivity, layer_terms, measure_sensitivity
from search.training.norm_statistics import NormStatistics
from spaces.candidate import Candidate
from spaces.errors import SearchError
from spaces.search_space import SearchSpace
from spaces.study_spec import StudySpec
from tests.search.trained_digits import NoParents, digits_dataset, digits_spec

BITS = (2, 3, 4, 6, 8)


class KeptParent(NoParents):
    """Remembers the parent that was trained."""

    parent: Parent

    def obtain(self, topology: Any, choices: Mapping[str, float], train: TrainParent) -> Parent:
        self.parent = super().obtain(topology, choices, train)
        return self.parent


@dataclass(frozen=True)
class Bench:
    """A trained parent with everything that its sensitivity is measured with."""

    space: SearchSpace
    topology: Topology
    network: Network
    classifier: NetworkClassifier
    norms: NormStatistics
    integer_bits: Mapping[str, Mapping[int, int]]
    sensitivity: Sensitivity

    def held_out_loss(self, params: Mapping[str, Any]) -> float:
        """Return the loss of the parent with these bits, untrained, on examples that nothing was measured on."""
        part = digits_dataset().validation
        logits = self._held_out_logits(params)
        log_sum = np.log(np.exp(logits).sum(axis=1))
        return float((log_sum - logits[np.arange(len(part)), part.y]).mean())

    def _held_out_logits(self, params: Mapping[str, Any]) -> NDArray[np.float64]:
        self.network.load_policies(self.space.decode(params), self.integer_bits)
        self.norms.renew(digits_dataset().train.inputs())
        self.classifier.refresh()
        return self.classifier.logits(digits_dataset().validation.inputs()).astype(np.float64)

    def held_out_error(self, params: Mapping[str, Any]) -> float:
        """Return the mean squared change of the logits by these bits, on examples that nothing was measured on."""
        return float(np.mean((self._held_out_logits(params) - self._held_out_logits(self.space.baselines()[0])) ** 2))

    def size_bytes(self, candidate: Candidate) -> int:
        return candidate_cost(self.topology, candidate).size_bytes


@pytest.fixture(scope="module")
def bench() -> Bench:
    content = digits_spec().model_dump(mode="json")
    content["layers"] = {"weight_bits": BITS, "activation_bits": BITS, "jr_weight": [0.0, 1e-3, 1e-2, 1e-1]}
    content["training"]["epochs"] = 1
    spec, dataset = StudySpec.model_validate(content), digits_dataset()
    topology = make_topology(spec.topology, input_shape=(8, 8, 1), n_classes=10, choices={"width": 0.5})
    space = SearchSpace(spec, topology.slots)
    parents = KeptParent()
    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False)
    Evaluator(spec, dataset, parents).evaluate(space.decode(space.baselines()[0]), seed=0, watch=watch)
    parents.close()
    network = Network(topology)
    network.load_weights(parents.parent.weights)
    rows = stratified_indices(dataset.train.y, 128, np.random.default_rng(0))
    x, y = dataset.train.inputs(rows), dataset.train.y[rows]
    integer_bits = calibrate_integer_bits(network, x, mode=Mode.DEPLOYED)
    classifier, norms = NetworkClassifier(network, input_range=dataset.input_range), NormStatistics(network)
    sensitivity = measure_sensitivity(
        network, classifier, norms, space, base=space.baselines()[0], integer_bits=integer_bits, x=x, y=y
    )
    network.load_weights(parents.parent.weights)
    return Bench(space, topology, network, classifier, norms, integer_bits, sensitivity)


def test_every_parameter_with_a_choice_is_measured_at_every_width(bench: Bench) -> None:
    layers = ("conv0", "conv1", "conv2")
    names = {f"{layer}.{field}" for layer in layers for field in ("weight_bits", "activation_bits")}
    assert set(bench.sensitivity.bits) == names | {"dense.weight_bits"}
    assert all(tuple(effects) == BITS for effects in bench.sensitivity.bits.values())
    assert set(bench.sensitivity.jacobian_terms) == {f"{layer}.jr_weight" for layer in (*layers, "dense")}


def test_widest_choice_changes_nothing_and_two_bits_change_most(bench: Bench) -> None:
    for name, effects in bench.sensitivity.bits.items():
        assert effects[8].logit_error == 0, name
        assert effects[2].logit_error > 10 * effects[6].logit_error > 0, name
        assert effects[8].accuracy > 0.9, name


def test_bits_removed_where_it_is_insensitive_cost_less_on_other_examples(bench: Bench) -> None:
    base = bench.space.baselines()[0]
    widest = bench.held_out_loss(base)
    for field in ("weight_bits", "activation_bits"):
        errors = {n: e[2].logit_error for n, e in bench.sensitivity.bits.items() if n.endswith(field)}
        least, most = min(errors, key=errors.__getitem__), max(errors, key=errors.__getitem__)
        added = {name: bench.held_out_loss({**base, name: 2}) - widest for name in (least, most)}
        assert added[least] < added[most], (errors, added)


def test_allocation_changes_logits_less_than_the_same_width_everywhere(bench: Bench) -> None:
    space, base = bench.space, bench.space.baselines()[0]
    names = [name for name in base if name.endswith("weight_bits")]
    three_bits = {**base, **dict.fromkeys(names, 3)}
    budget = bench.size_bytes(space.decode(three_bits))
    least = bench.size_bytes(space.decode({**base, **dict.fromkeys(names, 2)}))
    # The largest of the three budgets is the size of three bits everywhere.
    most = least + (budget - least) / 0.5
    priors = prior_params(space, bench.sensitivity, base=base, cost=bench.size_bytes, most=most)
    found = max(priors, key=lambda params: bench.size_bytes(space.decode(params)))
    assert bench.size_bytes(space.decode(found)) <= budget
    # The error is what the allocation minimizes; the loss of an untrained candidate follows it only roughly.
    assert bench.held_out_error(found) < 0.9 * bench.held_out_error(three_bits)


def test_terms_are_those_of_exact_jacobians(bench: Bench) -> None:
    x = digits_dataset().validation.inputs()[:32]
    terms = layer_terms(bench.network, x)
    network, topology = bench.network, bench.topology
    forward = network.forward(x, kernels=network.float_kernels(), mode=Mode.DEPLOYED, quantized=False)
    rule = network.surrogate_rule(forward, quantized=False)
    exact = dict.fromkeys(terms, 0.0)
    for row in np.eye(10, dtype=np.float32):
        products = network.pull_back(forward, np.tile(row, (32, 1)), n_examples=32, rule=rule)
        for tap, product in products.items():
            mean_square = float(np.mean(np.asarray(forward.outputs[tap]) ** 2))
            exact[topology.tap_owner[tap]] += 0.5 * mean_square * float(np.sum(product.numpy() ** 2)) / 32
    assert terms == pytest.approx(exact, rel=0.1)


def test_priors_of_a_trained_parent_fit_the_space_and_differ(bench: Bench) -> None:
    found = prior_params(bench.space, bench.sensitivity, base=bench.space.baselines()[0], cost=bench.size_bytes)
    candidates = [bench.space.decode(params) for params in found]
    assert 4 <= len(found) <= 8
    assert len({candidate.fingerprint for candidate in candidates}) == len(found)
    assert candidates[0].has_jacobian_term
    assert bench.size_bytes(candidates[0]) == min(bench.size_bytes(candidate) for candidate in candidates)
    assert sum(not candidate.has_jacobian_term for candidate in candidates) == 3


def test_jacobian_weights_fall_where_terms_are_larger(bench: Bench) -> None:
    found = prior_params(bench.space, bench.sensitivity, base=bench.space.baselines()[0], cost=bench.size_bytes)
    terms = bench.sensitivity.jacobian_terms
    by_term = sorted(terms, key=terms.__getitem__)
    for params in found:
        assert all(params[smaller] >= params[larger] for smaller, larger in pairwise(by_term))


def test_parent_without_a_signal_is_refused(bench: Bench) -> None:
    network = Network(bench.topology)  # all kernels zero
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0))
    x = digits_dataset().validation.inputs()[:8]
    with pytest.raises(SearchError, match="logits must be finite and not all equal; their variance is 0"):
        measure_sensitivity(
            network,
            classifier,
            NormStatistics(network),
            bench.space,
            base=bench.space.baselines()[0],
            integer_bits=bench.integer_bits,
            x=x,
            y=np.zeros(8, np.int64),
        )
