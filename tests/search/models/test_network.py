"""The network's forward pass against Keras models and QKeras models with the same weights."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.attacks.losses import Backward, Loss
from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.models.quantize import build_qkeras, load_qkeras
from search.models.topologies import resnet8
from search.models.topology import Topology
from search.runtime import tf
from spaces.candidate import Candidate
from tests.search.models.builders import (
    KERNEL_KINDS,
    filled_network,
    flat_topology,
    identity_block_topology,
    make_candidate,
    make_inputs,
    make_integer_bits,
    residual_topology,
)
from tests.search.models.reference import plain_forward


def resnet() -> Topology:
    return resnet8.build(input_shape=(32, 32, 3), n_classes=10, width=1.0)


def keras_resnet8() -> Any:
    """Return the reference model of MLCommons/Tiny, written as its source has it, without the softmax."""
    layers = tf.keras.layers
    inputs = tf.keras.Input((32, 32, 3))

    def convolve(x: Any, filters: int, size: int, strides: int) -> Any:
        return layers.Conv2D(filters, size, strides=strides, padding="same")(x)

    x = convolve(inputs * 255.0, 16, 3, 1)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.BatchNormalization()(convolve(x, filters, 3, strides))
        y = layers.BatchNormalization()(convolve(layers.Activation("relu")(y), filters, 3, 1))
        if strides != 1:
            x = convolve(x, filters, 1, strides)
        x = layers.Activation("relu")(layers.add([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(pool_size=8)(x))
    return tf.keras.Model(inputs, layers.Dense(10)(x))


def load_into_keras(model: Any, topology: Topology, weights: dict[str, NDArray[np.float32]]) -> None:
    """Set the weights of a plain model whose layers were made in the topology's order."""
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel")]
    norms = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    assert len(kernels) == len(topology.layers)
    for ours, theirs in zip(topology.layers, kernels, strict=True):
        theirs.set_weights([weights[f"{ours.name}/kernel"], weights[f"{ours.name}/bias"]])
    for name, theirs in zip(topology.norm_of.values(), norms, strict=True):
        theirs.set_weights([weights[f"{name}/{field}"] for field in ("gamma", "beta", "mean", "variance")])


def classifier(network: Network, *, quantized: bool) -> NetworkClassifier:
    made = NetworkClassifier(network, input_range=(0.0, 1.0), quantized=quantized)
    made.refresh()
    return made


def test_float_resnet8_equals_a_plain_keras_model() -> None:
    topology = resnet()
    network = filled_network(topology, seed=1)
    x = make_inputs(topology, 4)
    model = keras_resnet8()
    load_into_keras(model, topology, network.weights())
    expected = model(x, training=False).numpy()
    # Logits are in the hundreds here: the inputs are pixels of 0..255.
    ours = classifier(network, quantized=False).logits(x)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("build", [residual_topology, identity_block_topology, flat_topology])
def test_float_network_equals_the_plain_implementation(build: Any) -> None:
    topology = build()
    network = filled_network(topology, seed=2)
    x = make_inputs(topology, 5)
    weights = network.weights()
    moving = {
        name: (weights[f"{name}/mean"], 1 / np.sqrt(weights[f"{name}/variance"] + np.float32(1e-3)))
        for name in topology.norm_of.values()
    }
    expected = plain_forward(topology, weights, tf.constant(x), statistics=moving).logits.numpy()
    np.testing.assert_allclose(classifier(network, quantized=False).logits(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", [Mode.TRAIN, Mode.TRAIN_JACOBIAN])
def test_training_pass_uses_the_statistics_of_the_batch(mode: Mode) -> None:
    topology = residual_topology()
    network = filled_network(topology, seed=3)
    x = tf.constant(make_inputs(topology, 6))
    ours = network.forward(x, kernels=network.float_kernels(), mode=mode, quantized=False)
    expected = plain_forward(topology, network.weights(), x)
    np.testing.assert_allclose(ours.logits.numpy(), expected.logits.numpy(), rtol=1e-4, atol=1e-5)


def parity(topology: Topology, candidate: Candidate, x: NDArray[np.float32], *, seed: int) -> tuple[Any, Any, Any]:
    """Return the trained network's logits, its QKeras model's, and the model."""
    network = filled_network(topology, seed=seed)
    integer_bits = make_integer_bits(topology, seed=seed)
    network.load_policies(candidate, integer_bits)
    model = build_qkeras(topology, candidate, integer_bits=integer_bits, weights=network.weights())
    return classifier(network, quantized=True).logits(x), model(x, training=False).numpy(), model


@pytest.mark.parametrize("shift", range(len(KERNEL_KINDS)))
def test_qkeras_model_gives_the_same_logits_for_every_kind_in_every_layer(shift: int) -> None:
    topology = residual_topology()
    ours, theirs, _ = parity(topology, make_candidate(topology, shift=shift), make_inputs(topology, 33), seed=shift)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.std(axis=0).min() > 0


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("build", [identity_block_topology, flat_topology])
def test_qkeras_model_gives_the_same_logits_on_other_shapes(build: Any, shift: int) -> None:
    topology = build()
    ours, theirs, _ = parity(topology, make_candidate(topology, shift=shift), make_inputs(topology, 33), seed=9)
    np.testing.assert_array_equal(ours, theirs)


def test_qkeras_resnet8_gives_the_same_logits_and_keeps_them_in_a_file(tmp_path: Path) -> None:
    topology = resnet()
    x = make_inputs(topology, 8)
    ours, theirs, model = parity(topology, make_candidate(topology, shift=2), x, seed=4)
    np.testing.assert_array_equal(ours, theirs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras' opinion of .h5 and of QKeras' quantizers
        model.save(str(tmp_path / "model.h5"))
    np.testing.assert_array_equal(load_qkeras(tmp_path / "model.h5")(x).numpy(), ours)


def test_refresh_takes_over_new_bits_without_a_new_trace() -> None:
    topology = residual_topology()
    network = filled_network(topology, seed=5)
    integer_bits = make_integer_bits(topology)
    x = make_inputs(topology, 4)
    made = NetworkClassifier(network, input_range=(0.0, 1.0))
    seen = []
    for shift in range(3):
        network.load_policies(make_candidate(topology, shift=shift), integer_bits)
        made.refresh()
        seen.append(made.logits(x))
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[1], seen[2])
    network.load_policies(make_candidate(topology, shift=0), integer_bits)
    made.refresh()
    np.testing.assert_array_equal(made.logits(x), seen[0])


def test_moving_statistics_move_as_keras_moves_them() -> None:
    topology = identity_block_topology()
    network = filled_network(topology, seed=6)
    before = network.weights()
    x = tf.constant(make_inputs(topology, 7))
    forward = network.forward(x, kernels=network.float_kernels(), mode=Mode.TRAIN, quantized=False)
    network.update_moving_statistics(forward.statistics)
    layer = tf.keras.layers.BatchNormalization(momentum=0.98)
    layer.build((None, 5, 5, 3))
    layer.set_weights([before[f"conv0_norm/{field}"] for field in ("gamma", "beta", "mean", "variance")])
    layer(forward.outputs["conv0"], training=True)
    after = network.weights()
    np.testing.assert_allclose(after["conv0_norm/mean"], layer.moving_mean.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after["conv0_norm/variance"], layer.moving_variance.numpy(), rtol=1e-5)
    assert not np.array_equal(after["conv0_norm/mean"], before["conv0_norm/mean"])


@pytest.mark.parametrize("quantized", [False, True])
def test_margin_gradient_is_the_gradient_of_best_wrong_minus_right(quantized: bool) -> None:
    topology = flat_topology()
    network = filled_network(topology, seed=7)
    network.load_policies(make_candidate(topology, shift=4), make_integer_bits(topology))
    made = classifier(network, quantized=quantized)
    x, y = make_inputs(topology, 6), np.array([0, 1, 2, 0, 1, 2])
    logits, gradient = made.loss_gradient(x, y, loss=Loss.MARGIN, backward=Backward.SURROGATE)
    np.testing.assert_array_equal(logits, made.logits(x))
    kernels = network.quantized_kernels() if quantized else network.float_kernels()
    inputs = tf.constant(x)
    for row in range(len(y)):
        wrong = max((label for label in range(3) if label != y[row]), key=lambda label: logits[row, label])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            z = network.forward(inputs, kernels=kernels, mode=Mode.DEPLOYED, quantized=quantized).logits
            value = z[row, wrong] - z[row, y[row]]
        np.testing.assert_allclose(gradient[row], tape.gradient(value, inputs).numpy()[row], rtol=1e-5, atol=1e-7)


def test_the_loss_is_taken_of_scaled_logits_with_the_same_two_functions() -> None:
    topology = flat_topology()
    network = filled_network(topology, seed=7)
    network.load_policies(make_candidate(topology, shift=4), make_integer_bits(topology))
    made = classifier(network, quantized=True)
    x, y = make_inputs(topology, 6), np.array([0, 1, 2, 0, 1, 2])
    kernels, inputs = network.quantized_kernels(), tf.constant(x)
    for scale in (1.0, 0.1, 10.0):
        logits, gradient = made.loss_gradient(x, y, loss=Loss.CROSS_ENTROPY, backward=Backward.SURROGATE, scale=scale)
        np.testing.assert_array_equal(logits, made.logits(x))
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            z = network.forward(inputs, kernels=kernels, mode=Mode.DEPLOYED, quantized=True).logits
            value = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=scale * z)
        np.testing.assert_allclose(gradient, tape.gradient(value, inputs).numpy(), rtol=1e-4, atol=1e-7)
    assert made._gradient.experimental_get_tracing_count() == 1


def test_initialize_gives_equal_weights_for_equal_seeds_only() -> None:
    topology = flat_topology()
    first, again, other = (Network(topology) for _ in range(3))
    first.initialize(1)
    again.initialize(1)
    other.initialize(2)
    for name, value in first.weights().items():
        np.testing.assert_array_equal(value, again.weights()[name])
    assert not np.array_equal(first.weights()["conv/kernel"], other.weights()["conv/kernel"])
