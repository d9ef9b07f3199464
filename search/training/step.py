"""Compiled training steps of one network: cross-entropy, weight decay, the Jacobian term, adversarial examples.

Everything that differs between candidates (bit widths, lambdas, learning rate, adversarial weight) is read from
variables, so a step is traced once for each combination of terms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.models.network import Mode, Network, Weights
from search.runtime import tf
from search.training.jacobian import jacobian_term, unit_vectors
from search.training.single_step import cross_entropy, single_step, training_loss

Tensor = Any

_START_SEED = (0x5EED, 0)  # keeps random starts apart from the Jacobian term's directions


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind:
    """Which terms a step has; each kind is one trace.

    Attributes:
        clean: whether clean examples are part of the loss; a step without them costs two thirds of one with both.
    """

    quantized: bool
    jacobian: bool
    adversarial: bool
    clean: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """What a step needs from the training settings and cannot change between candidates.

    Attributes:
        weight_decay: factor of the sum of squared kernels.
        jacobian_examples: how many of a batch's examples the Jacobian term looks at.
        input_range: bounds of valid inputs.
    """

    weight_decay: float
    jacobian_examples: int
    input_range: tuple[float, float]


class TrainingStep:
    """The compiled steps of one network and the optimizer (Adam) that they share."""

    def __init__(self, network: Network, settings: StepSettings) -> None:
        """Prepare the variables; nothing is traced before the first step of a kind."""
        self._network = network
        self._settings = settings
        self._traces: dict[StepKind, Any] = {}
        self._jacobian_weights = {
            layer: tf.Variable(0.0, trainable=False) for layer in network.topology.tap_owner.values()
        }
        self._learning_rate = tf.Variable(0.0, trainable=False)
        self._adversarial_weight = tf.Variable(0.0, trainable=False)
        self._adversarial_epsilon = tf.Variable(0.0, trainable=False)
        self._radius_share = tf.Variable(1.0, trainable=False)

    def reset(
        self, *, jacobian_weights: Mapping[str, float], adversarial_weight: float, adversarial_epsilon: float
    ) -> None:
        """Start a new training: forget the optimizer's state and take over a candidate's weights of the terms."""
        for layer, variable in self._jacobian_weights.items():
            variable.assign(jacobian_weights.get(layer, 0.0))
        self._adversarial_weight.assign(adversarial_weight)
        self._adversarial_epsilon.assign(adversarial_epsilon)
        for variable in self._optimizer.variables():
            variable.assign(tf.zeros_like(variable))

    def state(self) -> tuple[Weights, tuple[NDArray[Any], ...]]:
        """Return copies of the network's weights and the optimizer's variables."""
        return self._network.weights(), tuple(variable.numpy() for variable in self._optimizer.variables())

    def load_state(self, weights: Mapping[str, NDArray[np.float32]], optimizer: Sequence[NDArray[Any]]) -> None:
        """Take up what `state` returned."""
        self._network.load_weights(weights)
        for variable, value in zip(self._optimizer.variables(), optimizer, strict=True):
            variable.assign(value)

    def run(
        self,
        kind: StepKind,
        x: Tensor,
        y: Tensor,
        *,
        learning_rate: float,
        seed: tuple[int, int],
        radius_share: float = 1.0,
    ) -> Tensor:
        """Do one step and return the batch's losses: cross-entropy and the Jacobian term.  # [2]

        Without clean examples both are taken on the adversarial ones.

        Args:
            kind: which terms the step has.
            x: inputs.  # [batch, *input_shape]
            y: labels.  # [batch]
            learning_rate: of this step.
            seed: of this step's random directions and starts.
            radius_share: of the adversarial radius, in this step.
        """
        if kind not in self._traces:
            self._traces[kind] = tf.function(lambda *arguments: self._step(kind, *arguments), autograph=False)
        self._learning_rate.assign(learning_rate)
        self._radius_share.assign(radius_share)
        return self._traces[kind](tf.constant(x), tf.constant(y), tf.constant(seed, tf.int32))

    @cached_property
    def _optimizer(self) -> Any:
        optimizer = tf.keras.optimizers.legacy.Adam(self._learning_rate)
        optimizer._create_all_weights(self._network.trainable_variables)
        return optimizer

    def _step(self, kind: StepKind, x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
        network = self._network
        adversarial = self._adversarial_examples(x, y, seed, quantized=kind.quantized) if kind.adversarial else None
        if adversarial is not None and not kind.clean:
            x, adversarial = adversarial, None
        with tf.GradientTape() as tape:
            kernels = network.quantized_kernels() if kind.quantized else network.float_kernels()
            mode = Mode.TRAIN_JACOBIAN if kind.jacobian else Mode.TRAIN
            forward = network.forward(x, kernels=kernels, mode=mode, quantized=kind.quantized)
            clean_loss = cross_entropy(forward.logits, y)
            loss = clean_loss
            if adversarial is not None:
                attacked = network.forward(adversarial, kernels=kernels, mode=Mode.TRAIN, quantized=kind.quantized)
                share = self._adversarial_weight
                loss = (1 - share) * clean_loss + share * cross_entropy(attacked.logits, y)
            penalty = tf.constant(0.0)
            if kind.jacobian:
                count = self._settings.jacobian_examples
                directions = unit_vectors(seed, n_examples=count, n_classes=network.topology.n_classes)
                penalty = jacobian_term(
                    network,
                    forward,
                    weights=self._jacobian_weights,
                    directions=directions,
                    quantized=kind.quantized,
                )
            decay = self._settings.weight_decay * tf.add_n([2 * tf.nn.l2_loss(kernel) for kernel in network.kernels])
            total = loss + penalty + decay
        variables = network.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        network.update_moving_statistics(forward.statistics)
        return tf.stack([clean_loss, penalty])

    def _adversarial_examples(self, x: Tensor, y: Tensor, seed: Tensor, *, quantized: bool) -> Tensor:
        """Return single-step examples of the network as it trains."""
        return single_step(
            x,
            lambda start: training_loss(self._network, start, y, quantized=quantized),
            radius=self._adversarial_epsilon * self._radius_share,
            noise=tf.random.stateless_uniform(tf.shape(x), seed + _START_SEED, -1.0, 1.0),
            valid_range=self._settings.input_range,
        )


def cosine_learning_rate(base: float, *, step: int, total: int) -> float:
    """Return the learning rate of a step: linear warm-up over the first 5%, then a half cosine down to 1% of it."""
    warm_up = max(1, total // 20)
    if step < warm_up:
        return base * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, total - warm_up)
    return float(base * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * progress))))


def ramp(*, step: int, total: int) -> float:
    """Return what grows linearly to 1 over `total` steps; 1 from there on, and always where there are none."""
    return min(1.0, (step + 1) / total) if total else 1.0
