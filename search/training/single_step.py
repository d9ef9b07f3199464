"""Adversarial examples of one step, from a random start in the ball (Wong, Rice and Kolter 2020)."""

from collections.abc import Callable
from typing import Any

from search.models.network import Mode, Network
from search.runtime import tf

Tensor = Any

_STEP = 1.25  # of the radius: "Fast is better than free"


def single_step(
    x: Tensor, loss: Callable[[Tensor], Tensor], *, radius: Tensor, noise: Tensor, valid_range: tuple[float, float]
) -> Tensor:
    """Return x moved along the sign of the gradient of a loss, within an L-inf ball and the valid range.

    Args:
        x: clean inputs.  # [n, ...]
        loss: of inputs like x, a scalar.
        radius: of the ball, one for all or one for each example, in units of x.
        noise: uniform in [-1, 1), of which the start is made; like x.
        valid_range: bounds of valid inputs.
    """
    low, high = tf.maximum(x - radius, valid_range[0]), tf.minimum(x + radius, valid_range[1])
    # Clipped before the gradient is taken: behind a clip it would be zero, and edge inputs would not move.
    start = tf.clip_by_value(x + radius * noise, low, high)
    with tf.GradientTape() as tape:
        tape.watch(start)
        value = loss(start)
    moved = start + _STEP * radius * tf.sign(tape.gradient(value, start))
    return tf.stop_gradient(tf.clip_by_value(moved, low, high))


def training_loss(network: Network, x: Tensor, y: Tensor, *, quantized: bool) -> Tensor:
    """Return the mean cross-entropy of a network as it trains, with its present weights, for inputs [n, ...]."""
    kernels = network.quantized_kernels() if quantized else network.float_kernels()
    return cross_entropy(network.forward(x, kernels=kernels, mode=Mode.TRAIN, quantized=quantized).logits, y)


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits [n, n_classes] and labels [n]."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
