"""Gradients of the attack losses with respect to the logits, for the compiled graph: the loss is a number it reads."""

from collections.abc import Callable
from typing import Any

from search.attacks.losses import SCALED_SPREAD, Loss
from search.runtime import tf

_TINY = 1e-12

Tensor = Any


def loss_cotangent(logits: Tensor, y: Tensor, *, targets: Tensor, loss: Tensor) -> Tensor:
    """Return each example's dloss/dlogits.

    Args:
        logits: [n, n_classes].
        y: labels.  # [n]
        targets: target classes; read by TARGETED_DLR only.  # [n]
        loss: a `Loss` as a scalar tensor.

    Returns:
        [n, n_classes].
    """
    return tf.stack([_cotangent(value, logits, y, targets) for value in _LOSSES.values()])[loss]


def _cotangent(value: Callable[..., Tensor], logits: Tensor, y: Tensor, targets: Tensor) -> Tensor:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(logits)
        total = tf.reduce_sum(value(logits, y, targets))
    return tape.gradient(total, logits)


def _at(logits: Tensor, classes: Tensor) -> Tensor:
    return tf.gather(logits, classes, batch_dims=1)


def _margin(logits: Tensor, y: Tensor, _: Tensor) -> Tensor:
    is_label = tf.one_hot(y, logits.shape[1], on_value=True, off_value=False, dtype=tf.bool)
    return tf.reduce_max(tf.where(is_label, logits.dtype.min, logits), axis=1) - _at(logits, y)


def _cross_entropy(logits: Tensor, y: Tensor, _: Tensor) -> Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)


def _scaled_cross_entropy(logits: Tensor, y: Tensor, targets: Tensor) -> Tensor:
    factor = tf.stop_gradient(SCALED_SPREAD / _spread(logits))
    return _cross_entropy(logits * factor[:, None], y, targets)


def _dlr(logits: Tensor, y: Tensor, targets: Tensor) -> Tensor:
    return _margin(logits, y, targets) / _spread(logits)


def _targeted_dlr(logits: Tensor, y: Tensor, targets: Tensor) -> Tensor:
    ranked = _ranked(logits)
    fourth = min(3, logits.shape[1] - 1)
    width = ranked[:, 0] - (ranked[:, min(2, fourth)] + ranked[:, fourth]) / 2
    return (_at(logits, targets) - _at(logits, y)) / (width + _TINY)


def _spread(logits: Tensor) -> Tensor:
    """Return the largest logit minus the third largest (of two classes, the second)."""
    ranked = _ranked(logits)
    return ranked[:, 0] - ranked[:, min(2, logits.shape[1] - 1)] + _TINY


def _ranked(logits: Tensor) -> Tensor:
    return tf.sort(logits, axis=1, direction="DESCENDING")


_LOSSES: dict[Loss, Callable[..., Tensor]] = {
    Loss.MARGIN: _margin,
    Loss.CROSS_ENTROPY: _cross_entropy,
    Loss.SCALED_CROSS_ENTROPY: _scaled_cross_entropy,
    Loss.DLR: _dlr,
    Loss.TARGETED_DLR: _targeted_dlr,
}
