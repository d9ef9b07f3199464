"""The deployed network as attacks and metrics see it: kernels quantized once, two compiled functions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.models.network import Mode, Network
from search.runtime import tf

_BATCH = 512

Inputs = NDArray[np.float32]
Labels = NDArray[np.int64]


class NetworkClassifier:
    """A network with moving statistics; `refresh` after every change of its weights or bit widths."""

    def __init__(self, network: Network, *, input_range: tuple[float, float], quantized: bool = True) -> None:
        """Prepare the two functions; both are traced at their first call and serve every later candidate."""
        self._network = network
        self._input_range = input_range
        self._quantized = quantized
        self._kernels = {
            layer.name: tf.Variable(network.variables[f"{layer.name}/kernel"], trainable=False)
            for layer in network.topology.layers
        }
        inputs = tf.TensorSpec([None, *network.topology.input_shape], tf.float32)
        labels = tf.TensorSpec([None], tf.int64)
        self._logits = tf.function(self._forward, input_signature=[inputs], autograph=False)
        self._margin_gradient = tf.function(self._backward, input_signature=[inputs, labels], autograph=False)
        self._quantize = tf.function(network.quantized_kernels, autograph=False)

    @property
    def input_range(self) -> tuple[float, float]:
        """Bounds of valid inputs."""
        return self._input_range

    def refresh(self) -> None:
        """Take over the network's present kernels and bit widths."""
        kernels = self._quantize() if self._quantized else self._network.float_kernels()
        for name, variable in self._kernels.items():
            variable.assign(kernels[name])

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        """Return logits.  # [n, n_classes]"""
        if not len(x):
            return np.zeros((0, self._network.topology.n_classes), np.float32)
        parts = [self._logits(x[begin : begin + _BATCH]).numpy() for begin in range(0, len(x), _BATCH)]
        return np.concatenate(parts)

    def margin_gradient(self, x: Inputs, y: Labels) -> tuple[NDArray[np.float32], Inputs]:
        """Return logits [n, n_classes] and the gradient of the margin with respect to x, like x."""
        if not len(x):
            return self.logits(x), np.zeros_like(x)
        logits, gradients = [], []
        for begin in range(0, len(x), _BATCH):
            part = self._margin_gradient(x[begin : begin + _BATCH], y[begin : begin + _BATCH])
            logits.append(part[0].numpy())
            gradients.append(part[1].numpy())
        return np.concatenate(logits), np.concatenate(gradients)

    def _forward(self, x: Any) -> Any:
        return self._network.forward(x, kernels=self._kernels, mode=Mode.DEPLOYED, quantized=self._quantized).logits

    def _backward(self, x: Any, y: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            logits = self._forward(x)
            is_label = tf.one_hot(y, self._network.topology.n_classes, on_value=True, off_value=False, dtype=tf.bool)
            best_wrong = tf.reduce_max(tf.where(is_label, -np.inf, logits), axis=1)
            right = tf.reduce_sum(tf.where(is_label, logits, 0.0), axis=1)
            total = tf.reduce_sum(best_wrong - right)
        return logits, tape.gradient(total, x)
