"""Batch normalization against Keras' layer and against the formula in double precision."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.models.batch_norm import NORM_EPSILON, normalize_batch, normalize_batch_plain, normalize_moving
from search.runtime import tf

SHAPES = [pytest.param((8, 5, 4, 3), id="images"), pytest.param((16, 3), id="rows")]


def draw(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return inputs with a mean and spread of their own in every channel, gamma and beta."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, shape) * np.array([0.3, 1.0, 4.0]) + np.array([2.0, -1.0, 0.0])
    gamma, beta = np.array([0.5, 1.5, -1.0]), np.array([0.1, -0.3, 0.0])
    return x.astype(np.float32), gamma.astype(np.float32), beta.astype(np.float32)


def keras_layer(gamma: NDArray[np.float32], beta: NDArray[np.float32], shape: tuple[int, ...]) -> Any:
    layer = tf.keras.layers.BatchNormalization(epsilon=NORM_EPSILON, momentum=0.98)
    layer.build(shape)
    layer.set_weights([gamma, beta, np.full(3, 0.25, np.float32), np.full(3, 2.0, np.float32)])
    return layer


@pytest.mark.parametrize("shape", SHAPES)
def test_training_forward_equals_keras(shape: tuple[int, ...]) -> None:
    x, gamma, beta = draw(shape)
    expected = keras_layer(gamma, beta, shape)(x, training=True).numpy()
    ours, _, _ = normalize_batch(tf.constant(x), tf.constant(gamma), tf.constant(beta))
    plain, _ = normalize_batch_plain(tf.constant(x), tf.constant(gamma), tf.constant(beta))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(plain.numpy(), ours.numpy())


def test_statistics_are_what_keras_adds_to_its_averages() -> None:
    x, gamma, beta = draw((8, 5, 4, 3))
    layer = keras_layer(gamma, beta, x.shape)
    layer(x, training=True)
    for statistics in (
        normalize_batch(tf.constant(x), tf.constant(gamma), tf.constant(beta))[2],
        normalize_batch_plain(tf.constant(x), tf.constant(gamma), tf.constant(beta))[1],
    ):
        mean = 0.98 * 0.25 + 0.02 * statistics.mean.numpy()
        variance = 0.98 * 2.0 + 0.02 * statistics.variance.numpy()
        np.testing.assert_allclose(mean, layer.moving_mean.numpy(), rtol=1e-6)
        np.testing.assert_allclose(variance, layer.moving_variance.numpy(), rtol=1e-6)


def test_statistics_worked_out_by_hand() -> None:
    # Values 1, 3, 5, 7: mean 4, variance 5 with n = 4 and 20/3 with n - 1, which is what Keras averages.
    x = tf.reshape(tf.constant([1.0, 3.0, 5.0, 7.0]), [4, 1])
    result, inv_std, statistics = normalize_batch(x, tf.constant([2.0]), tf.constant([1.0]))
    assert statistics.mean.numpy().tolist() == [4.0]
    assert statistics.variance.numpy()[0] == pytest.approx(20 / 3)
    assert inv_std.numpy()[0] == pytest.approx(5.001**-0.5)
    assert result.numpy()[0, 0] == pytest.approx(1 - 6 * 5.001**-0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_training_gradients_are_those_of_the_formula(shape: tuple[int, ...]) -> None:
    """Including the derivative of the inverse standard deviation, which Keras' layer does not give out."""
    x, gamma, beta = draw(shape)
    rng = np.random.default_rng(1)
    into_result, into_inv_std = rng.normal(0, 1, shape), rng.normal(0, 30, 3)

    def gradients(dtype: Any, normalize: Any) -> list[NDArray[Any]]:
        inputs = [tf.cast(value, dtype) for value in (x, gamma, beta)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            result, inv_std = normalize(*inputs)
            total = tf.reduce_sum(result * tf.cast(into_result, dtype))
            total += tf.reduce_sum(inv_std * tf.cast(into_inv_std, dtype))
        return [gradient.numpy() for gradient in tape.gradient(total, inputs)]

    def formula(x: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        axes = list(range(len(shape) - 1))
        mean = tf.reduce_mean(x, axis=axes)
        inv_std = 1 / tf.sqrt(tf.reduce_mean((x - mean) ** 2, axis=axes) + NORM_EPSILON)
        return (x - mean) * inv_std * gamma + beta, inv_std

    expected = gradients(tf.float64, formula)
    for ours, theirs in zip(gradients(tf.float32, lambda *inputs: normalize_batch(*inputs)[:2]), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("shape", SHAPES)
def test_deployed_forward_equals_keras_to_the_bit(shape: tuple[int, ...]) -> None:
    x, gamma, beta = draw(shape)
    layer = keras_layer(gamma, beta, shape)
    inputs = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        ours = normalize_moving(
            inputs, gamma, beta, mean=np.full(3, 0.25, np.float32), variance=np.full(3, 2.0, np.float32)
        )
        expected = layer(inputs, training=False)
    if len(shape) == 4:  # Keras takes its fused kernel for images only
        np.testing.assert_array_equal(ours.numpy(), expected.numpy())
    np.testing.assert_allclose(ours.numpy(), expected.numpy(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(ours, inputs).numpy(), tape.gradient(expected, inputs).numpy(), rtol=1e-6)
