"""The Jacobian term against automatic differentiation of a second, plain implementation of the same networks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.models.network import Mode, Network, Pass
from search.models.topology import Topology
from search.runtime import tf
from search.training.jacobian import jacobian_term, unit_vectors
from spaces.candidate import Candidate
from tests.search.models.builders import (
    filled_network,
    flat_topology,
    identity_block_topology,
    make_candidate,
    make_inputs,
    make_integer_bits,
    residual_topology,
)
from tests.search.models.reference import Plain, plain_forward, qkeras_activation, qkeras_kernel

N = 6
Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A network with inputs; `candidate` None is the float network, and the reference runs in double precision."""

    topology: Topology
    network: Network
    x: NDArray[np.float32]
    candidate: Candidate | None
    integer_bits: Mapping[str, Mapping[int, int]]

    @property
    def quantized(self) -> bool:
        return self.candidate is not None

    @property
    def dtype(self) -> Any:
        return tf.float32 if self.quantized else tf.float64

    def forward(self) -> Pass:
        kernels = self.network.quantized_kernels() if self.quantized else self.network.float_kernels()
        return self.network.forward(
            tf.constant(self.x), kernels=kernels, mode=Mode.TRAIN_JACOBIAN, quantized=self.quantized
        )

    def leaves(self) -> dict[str, Any]:
        """The network's weights as the reference's own tensors."""
        return {name: tf.cast(value, self.dtype) for name, value in self.network.variables.items()}

    def plain(self, leaves: Mapping[str, Any], **options: Any) -> Plain:
        """Run the reference; kernels and activations are quantized by QKeras."""
        values = dict(leaves)
        if self.candidate is not None:
            for layer in self.topology.layers:
                name = f"{layer.name}/kernel"
                values[name] = qkeras_kernel(self.candidate, layer.name, leaves[name])
            options["activation"] = qkeras_activation(self.topology, self.candidate, self.integer_bits)
        return plain_forward(self.topology, values, tf.cast(self.x, self.dtype), **options)

    def exact_jacobian(self, tap: str) -> Array:
        """Return dz/da for every example, the statistics of the batch held constant.  # [n, n_classes, *a]"""
        leaves = self.leaves()
        whole = self.plain(leaves)
        activation = tf.identity(whole.outputs[tap])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(activation)
            logits = self.plain(leaves, statistics=whole.statistics, replaced={tap: activation}).logits
            columns = [tf.reduce_sum(logits[:, index]) for index in range(self.topology.n_classes)]
        return np.stack([tape.gradient(column, activation).numpy() for column in columns], axis=1)

    def exact_term(self, weights: Mapping[str, float]) -> float:
        """Return R = 1/2 sum lambda_l s_l^2 E ||dz/da_l||_F^2, every Jacobian in full."""
        whole = self.plain(self.leaves())
        total = 0.0
        for tap, owner in self.topology.tap_owner.items():
            jacobian = self.exact_jacobian(tap).reshape(len(self.x), -1)
            mean_square = float(np.mean(whole.outputs[tap].numpy() ** 2))
            total += 0.5 * weights[owner] * mean_square * float((jacobian**2).sum(axis=1).mean())
        return total

    def term(self, weights: Mapping[str, float], directions: Any) -> float:
        term = jacobian_term(
            self.network, self.forward(), weights=weights, directions=directions, quantized=self.quantized
        )
        return float(term)


def pull_back(case: Case, forward: Pass, v: Array) -> dict[str, Any]:
    """Return v^T dz/da at every tap, for as many examples as v has rows."""
    rule = case.network.surrogate_rule(forward, quantized=case.quantized)
    return case.network.pull_back(forward, tf.constant(v), n_examples=len(v), rule=rule)


def make_case(build: Callable[[], Topology], *, shift: int | None) -> Case:
    topology = build()
    network = filled_network(topology, seed=11)
    integer_bits = make_integer_bits(topology)
    candidate = None
    if shift is not None:
        candidate = make_candidate(topology, shift=shift)
        network.load_policies(candidate, integer_bits)
    return Case(topology, network, make_inputs(topology, N, seed=5), candidate, integer_bits)


CASES = {
    "residual-float": lambda: make_case(residual_topology, shift=None),
    "residual-quantized": lambda: make_case(residual_topology, shift=4),
    "identity-float": lambda: make_case(identity_block_topology, shift=None),
    "identity-quantized": lambda: make_case(identity_block_topology, shift=5),
    "flat-float": lambda: make_case(flat_topology, shift=None),
    "flat-quantized": lambda: make_case(flat_topology, shift=3),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    return request.param()


@pytest.fixture(scope="module")
def float_case() -> Case:
    return CASES["residual-float"]()


def spread_weights(topology: Topology) -> dict[str, float]:
    """A different lambda for every layer that owns a term."""
    return {owner: 0.1 * 3.0**index for index, owner in enumerate(topology.tap_owner.values())}


def basis_vector(index: int, n_classes: int, n: int = N) -> Any:
    return tf.constant(np.tile(np.eye(n_classes, dtype=np.float32)[index], (n, 1)))


def test_pull_back_is_the_vector_times_the_exact_jacobian_at_every_tap(case: Case) -> None:
    v = np.random.default_rng(1).normal(0, 1, (N, case.topology.n_classes)).astype(np.float32)
    products = pull_back(case, case.forward(), v)
    assert set(products) == set(case.topology.taps.values())
    for tap, product in products.items():
        jacobian = case.exact_jacobian(tap)
        expected = np.einsum("nc,nc...->n...", v, jacobian)
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(
            product.numpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max(), err_msg=tap
        )


def test_pull_back_of_some_examples_equals_the_whole_there(case: Case) -> None:
    v = np.random.default_rng(1).normal(0, 1, (N, case.topology.n_classes)).astype(np.float32)
    forward = case.forward()
    whole = pull_back(case, forward, v)
    part = pull_back(case, forward, v[:2])
    for tap, product in part.items():
        np.testing.assert_allclose(product.numpy(), whole[tap].numpy()[:2], rtol=1e-5, atol=1e-6)


def test_mean_over_an_orthonormal_basis_is_exactly_the_regularizer(case: Case) -> None:
    weights, n_classes = spread_weights(case.topology), case.topology.n_classes
    terms = [case.term(weights, basis_vector(index, n_classes)) for index in range(n_classes)]
    assert np.mean(terms) == pytest.approx(case.exact_term(weights), rel=1e-4)


def test_mean_over_random_directions_converges_to_the_regularizer(case: Case) -> None:
    weights = spread_weights(case.topology)
    forward = case.forward()

    @tf.function(autograph=False)
    def draw(seed: Any) -> Any:
        directions = unit_vectors(seed, n_examples=N, n_classes=case.topology.n_classes)
        return jacobian_term(case.network, forward, weights=weights, directions=directions, quantized=case.quantized)

    terms = np.array([draw(tf.constant([7, number])).numpy() for number in range(500)])
    standard_error = terms.std(ddof=1) / np.sqrt(len(terms))
    expected = case.exact_term(weights)
    assert standard_error < 0.05 * expected
    assert abs(terms.mean() - expected) < 4 * standard_error


@pytest.mark.parametrize("name", ["residual-float", "identity-float", "flat-float"])
def test_pull_back_predicts_finite_differences_of_the_logits(name: str) -> None:
    case = CASES[name]()
    leaves = case.leaves()
    whole = case.plain(leaves)
    rng = np.random.default_rng(2)
    v = rng.normal(0, 1, (N, case.topology.n_classes)).astype(np.float32)
    products = pull_back(case, case.forward(), v)
    for tap, product in products.items():
        activation = whole.outputs[tap].numpy()
        direction = rng.normal(0, 1, activation.shape)
        step = 1e-7

        def logits(moved: Array, tap: str = tap) -> Array:
            replaced = {tap: tf.constant(moved)}
            return case.plain(leaves, statistics=whole.statistics, replaced=replaced).logits.numpy()

        slope = (logits(activation + step * direction) - logits(activation - step * direction)) / (2 * step)
        expected = (v * slope).sum(axis=1)
        found = (product.numpy() * direction).reshape(N, -1).sum(axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max(), err_msg=tap)


def test_gradient_equals_second_derivatives_of_the_plain_implementation(case: Case) -> None:
    """Through the kernels, gamma and the batch's standard deviation; scales and activation patterns held constant."""
    topology, weights = case.topology, spread_weights(case.topology)
    v = np.random.default_rng(3).normal(0, 1, (N, topology.n_classes)).astype(np.float32)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    variables = case.network.trainable_variables
    names = [name for name, variable in case.network.variables.items() if variable.trainable]
    with tf.GradientTape() as tape:
        term = jacobian_term(
            case.network, case.forward(), weights=weights, directions=tf.constant(v), quantized=case.quantized
        )
    ours = tape.gradient(term, variables, unconnected_gradients="zero")

    @tf.function(autograph=False)
    def reference() -> tuple[Any, Any]:
        leaves = case.leaves()
        with tf.GradientTape() as outer:
            outer.watch(leaves)
            whole = case.plain(leaves)
            total = tf.constant(0.0, case.dtype)
            for tap, owner in topology.tap_owner.items():
                activation = tf.stop_gradient(whole.outputs[tap])
                with tf.GradientTape() as inner:
                    inner.watch(activation)
                    logits = case.plain(leaves, statistics=whole.statistics, replaced={tap: activation}).logits
                    projected = tf.reduce_sum(tf.cast(v, case.dtype) * logits)
                product = inner.gradient(projected, activation)
                squared_norm = topology.n_classes * tf.reduce_sum(product**2) / N
                total += 0.5 * weights[owner] * tf.reduce_mean(activation**2) * squared_norm
        return total, outer.gradient(total, [leaves[name] for name in names], unconnected_gradients="zero")

    total, expected = reference()
    assert float(term) == pytest.approx(float(total), rel=1e-4)
    moved = 0
    largest = max(np.abs(gradient.numpy()).max() for gradient in expected)
    for name, found, theirs in zip(names, ours, expected, strict=True):
        scale = np.abs(theirs.numpy()).max()
        moved += scale > 0
        np.testing.assert_allclose(
            found.numpy(), theirs.numpy(), rtol=2e-3, atol=2e-3 * scale + 1e-6 * largest, err_msg=name
        )
    # Every kernel moves the term.
    assert moved >= len(topology.layers)


def test_gradient_reaches_weights_below_only_through_the_standard_deviation(float_case: Case) -> None:
    """With the last layer's term alone, a kernel below it acts through nothing; with the input's, conv0's norm does."""
    network = float_case.network
    directions = basis_vector(0, 3)

    def gradient(owner: str, name: str) -> float:
        weights = dict.fromkeys(float_case.topology.tap_owner.values(), 0.0) | {owner: 1.0}
        with tf.GradientTape() as tape:
            term = jacobian_term(network, float_case.forward(), weights=weights, directions=directions, quantized=False)
        value = tape.gradient(term, network.variables[name], unconnected_gradients="zero")
        return float(tf.reduce_max(tf.abs(value)))

    assert gradient("dense", "dense/kernel") > 0
    assert gradient("dense", "conv2/kernel") == 0
    assert gradient("conv1", "depthwise/kernel") > 0  # through the statistics of the normalizations above
    assert gradient("dense", "dense/bias") == 0


def test_scale_of_the_activations_is_held_constant() -> None:
    """dz/da of one dense layer is its kernel: the gradient is s^2 lambda W whatever made the activations."""
    case = CASES["flat-float"]()
    weights = dict.fromkeys(case.topology.tap_owner.values(), 0.0) | {"dense": 2.0}
    with tf.GradientTape() as tape:
        forward = case.forward()
        terms = [
            jacobian_term(case.network, forward, weights=weights, directions=basis_vector(index, 3), quantized=False)
            for index in range(3)
        ]
        term = tf.add_n(terms) / 3
    kernel = case.network.variables["dense/kernel"]
    by_dense, by_hidden = tape.gradient(term, [kernel, case.network.variables["hidden/kernel"]])
    mean_square = float(np.mean(forward.outputs["hidden_relu"].numpy() ** 2))
    np.testing.assert_allclose(by_dense.numpy(), 2.0 * mean_square * kernel.numpy(), rtol=1e-4)
    assert float(term) == pytest.approx(0.5 * 2.0 * mean_square * float(np.sum(kernel.numpy() ** 2)), rel=1e-5)
    assert by_hidden is None or not np.any(by_hidden.numpy())


def test_mean_over_parts_of_the_batch_equals_the_whole(case: Case) -> None:
    weights, n_classes = spread_weights(case.topology), case.topology.n_classes
    v = unit_vectors(tf.constant([1, 2]), n_examples=N, n_classes=n_classes).numpy()
    whole = case.term(weights, tf.constant(v))
    parts = []
    for begin in (0, 2, 4):
        order = np.roll(np.arange(N), -begin)
        rolled = Case(case.topology, case.network, case.x[order], case.candidate, case.integer_bits)
        parts.append(rolled.term(weights, tf.constant(v[order][:2])))
    assert np.mean(parts) == pytest.approx(whole, rel=1e-4)
    assert np.std(parts) > 1e-3 * whole


def test_term_is_zero_without_lambdas(case: Case) -> None:
    weights = dict.fromkeys(case.topology.tap_owner.values(), 0.0)
    assert case.term(weights, basis_vector(0, case.topology.n_classes)) == 0


def test_only_the_layer_with_a_lambda_counts(case: Case) -> None:
    n_classes = case.topology.n_classes
    owners = list(case.topology.tap_owner.values())
    alone = {
        owner: case.term(dict.fromkeys(owners, 0.0) | {owner: 1.0}, basis_vector(0, n_classes)) for owner in owners
    }
    assert len({round(value, 6) for value in alone.values()}) == len(owners)
    weights = spread_weights(case.topology)
    together = case.term(weights, basis_vector(0, n_classes))
    assert together == pytest.approx(sum(weights[owner] * value for owner, value in alone.items()), rel=1e-5)


def test_directions_are_unit_vectors_without_a_preferred_one() -> None:
    drawn = unit_vectors(tf.constant([3, 4]), n_examples=20_000, n_classes=5).numpy()
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-5)
    # E v v^T = I / C; the standard error of an entry is below 0.0025.
    np.testing.assert_allclose(drawn.T @ drawn / len(drawn), np.eye(5) / 5, atol=0.01)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.015)
    assert np.array_equal(drawn[:3], unit_vectors(tf.constant([3, 4]), n_examples=20_000, n_classes=5).numpy()[:3])
    assert not np.array_equal(drawn[:3], unit_vectors(tf.constant([3, 5]), n_examples=20_000, n_classes=5).numpy()[:3])
