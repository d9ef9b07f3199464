"""Per-layer Jacobian regularization from one vector-Jacobian product.

    R = 1/2 * sum_l lambda_l * s_l^2 * E_x || dz / da_l ||_F^2        s_l = stop_gradient(RMS of a_l)

with logits z and the activation a_l that enters layer l (l = 0, the input, is the term of Hoffman, Roberts and Yaida
2019, "Robust Learning with Jacobian Regularization"). With v uniform on the unit sphere of the C logits,
C * ||v^T dz/da_l||^2 is an unbiased estimate of the squared norm, for all layers at once.
"""

from collections.abc import Mapping
from typing import Any

from search.models.network import Network, Pass
from search.runtime import tf

Tensor = Any


def unit_vectors(seed: Tensor, *, n_examples: int, n_classes: int) -> Tensor:
    """Return directions uniform on the unit sphere.

    Args:
        seed: two integers; equal seeds give equal directions.  # [2]
        n_examples: rows.
        n_classes: length of each.

    Returns:
        [n_examples, n_classes].
    """
    normal = tf.random.stateless_normal([n_examples, n_classes], seed)
    return normal / tf.norm(normal, axis=1, keepdims=True)


def jacobian_term(
    network: Network,
    forward: Pass,
    *,
    weights: Mapping[str, Tensor],
    directions: Tensor,
    quantized: bool,
) -> Tensor:
    """Return the estimate of R over the first examples of a pass; its expectation over directions is R.

    Args:
        network: the network that made the pass.
        forward: a pass in mode TRAIN_JACOBIAN.
        weights: layer name -> lambda, for every layer that owns a term.
        directions: `unit_vectors` for the examples that are looked at.  # [n_examples, n_classes]
        quantized: whether the pass quantized its activations.

    Returns:
        A scalar, differentiable with respect to the network's variables.
    """
    n_examples, n_classes = directions.shape
    rule = network.surrogate_rule(forward, quantized=quantized)
    products = network.pull_back(forward, directions, n_examples=n_examples, rule=rule)
    total = tf.constant(0.0)
    for tap, product in products.items():
        # Over the whole batch: a scale of the same examples as the product would make the estimate biased.
        activation = tf.stop_gradient(forward.outputs[tap])
        # l2_loss, half the sum of squares, reads a tensor once and writes none.
        mean_square = 2 * tf.nn.l2_loss(activation) / tf.cast(tf.size(activation), activation.dtype)
        squared_norm = 2 * n_classes * tf.nn.l2_loss(product) / n_examples
        total += 0.5 * weights[network.topology.tap_owner[tap]] * mean_square * squared_norm
    return total
