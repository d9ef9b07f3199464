"""What a training would begin with: its loss before the first step."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from search.data.dataset import Examples
from search.models.network import Mode, Network
from search.runtime import tf
from search.training.jacobian import jacobian_term, unit_vectors

_BATCH = 128
_SEED = (0x57A7, 0)


class StartLoss:
    """Takes the loss of one network's present weights, quantized, on its batches' own statistics as in training."""

    def __init__(self, network: Network) -> None:
        """Prepare; nothing is traced before the first call."""
        self._network = network
        self._weights = {layer: tf.Variable(0.0, trainable=False) for layer in network.topology.tap_owner.values()}
        self._of_batch = tf.function(self._loss, autograph=False)

    def of(self, examples: Examples, *, jacobian_weights: Mapping[str, float]) -> float:
        """Return mean cross-entropy plus Jacobian term, without weight decay and adversarial examples.

        Args:
            examples: at least one; beyond the first 128 only whole batches of so many are looked at.
            jacobian_weights: layer name -> lambda, of the candidate that is to be trained.
        """
        for layer, variable in self._weights.items():
            variable.assign(jacobian_weights.get(layer, 0.0))
        count = len(examples.y)
        parts = [slice(at, at + _BATCH) for at in range(0, max(1, count - count % _BATCH), _BATCH)]
        losses = [self._of_batch(tf.constant(examples.x[part]), tf.constant(examples.y[part])) for part in parts]
        return float(np.mean([loss.numpy() for loss in losses]))

    def _loss(self, x: Any, y: Any) -> Any:
        network = self._network
        kernels = network.quantized_kernels()
        forward = network.forward(x, kernels=kernels, mode=Mode.TRAIN_JACOBIAN, quantized=True)
        directions = unit_vectors(tf.constant(_SEED), n_examples=x.shape[0], n_classes=network.topology.n_classes)
        term = jacobian_term(network, forward, weights=self._weights, directions=directions, quantized=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=forward.logits)
        return tf.reduce_mean(losses) + term
