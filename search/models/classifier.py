"""The deployed network as attacks and metrics see it: kernels quantized once, two compiled functions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Inputs, Labels
from search.attacks.losses import Backward, Loss
from search.models.loss_cotangents import loss_cotangent
from search.models.network import Mode, Network, Pass
from search.runtime import tf

_BATCH = 512


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
        choice, factor = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)
        self._logits = tf.function(self._forward, input_signature=[inputs], autograph=False)
        self._gradient = tf.function(
            self._backward, input_signature=[inputs, labels, labels, choice, choice, factor], autograph=False
        )
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

    def loss_gradient(
        self,
        x: Inputs,
        y: Labels,
        *,
        loss: Loss,
        backward: Backward,
        targets: Labels | None = None,
        scale: float = 1.0,
    ) -> tuple[NDArray[np.float32], Inputs]:
        """Return logits [n, n_classes] and the gradient of each example's loss of scaled logits by x, like x."""
        if not len(x):
            return self.logits(x), np.zeros_like(x)
        aims = y if targets is None else targets
        parts = []
        for begin in range(0, len(x), _BATCH):
            rows = slice(begin, begin + _BATCH)
            parts.append(self._gradient(x[rows], y[rows], aims[rows], int(loss), int(backward), scale))
        return np.concatenate([part[0].numpy() for part in parts]), np.concatenate([part[1].numpy() for part in parts])

    def _forward(self, x: Any) -> Any:
        return self._pass(x).logits

    def _pass(self, x: Any) -> Pass:
        return self._network.forward(x, kernels=self._kernels, mode=Mode.DEPLOYED, quantized=self._quantized)

    def _backward(self, x: Any, y: Any, targets: Any, loss: Any, backward: Any, scale: Any) -> Any:
        forward = self._pass(x)
        cotangent = scale * loss_cotangent(scale * forward.logits, y, targets=targets, loss=loss)
        is_float = tf.equal(backward, int(Backward.FLOAT_TWIN))
        network = self._network
        rule = (
            network.chosen_rule(forward, is_float)
            if self._quantized
            else network.surrogate_rule(forward, quantized=False)
        )
        products = network.pull_back(forward, cotangent, n_examples=tf.shape(x)[0], rule=rule)
        return forward.logits, products[network.topology.nodes[0].name]
