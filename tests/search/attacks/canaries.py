"""Models that hide their gradients in the known ways, over networks that do not: what a suite must see through."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Inputs, Labels
from search.attacks.losses import Backward, Loss
from search.models.loss_cotangents import loss_cotangent
from search.runtime import seed_everything, tf
from tests.search.trained_digits import digits_dataset

Tensor = Any
Function = Callable[[Tensor], Tensor]

ROUNDING_LEVELS = 8
LOGIT_FACTOR = 1000.0


class Canary:
    """logits = head(network(transform(x))); the float twin's gradient goes straight through transform and head."""

    input_range = (0.0, 1.0)

    def __init__(
        self,
        network: Any,
        *,
        transform: Function = tf.identity,
        head: Function = tf.identity,
        zero_gradient: bool = False,
    ) -> None:
        """Compile.

        Args:
            network: a Keras model, inputs -> logits.
            transform: of the inputs.
            head: of the logits.
            zero_gradient: whether the surrogate gradient is zero everywhere.
        """
        self._network = partial(network, training=False)
        self._transform = transform
        self._head = head
        self._zero_gradient = zero_gradient
        inputs, labels = tf.TensorSpec(network.input_shape, tf.float32), tf.TensorSpec([None], tf.int64)
        signature = [inputs, labels, labels, tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)]
        self._logits = tf.function(self._forward, input_signature=[inputs], autograph=False)
        self._gradients = {
            backward: tf.function(
                partial(self._pull_back, is_straight=backward is Backward.FLOAT_TWIN),
                input_signature=signature,
                autograph=False,
            )
            for backward in Backward
        }

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        return self._logits(x).numpy()

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
        logits, gradient = self._gradients[backward](x, y, y if targets is None else targets, int(loss), scale)
        return logits.numpy(), gradient.numpy()

    def _forward(self, x: Tensor) -> Tensor:
        return self._head(self._network(self._transform(x)))

    def _pull_back(
        self, x: Tensor, y: Tensor, targets: Tensor, loss: Tensor, scale: Tensor, *, is_straight: bool
    ) -> tuple[Tensor, Tensor]:
        with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
            tape.watch(x)
            transformed = self._transform(x)
            tape.watch(transformed)
            inner = self._network(transformed)
            logits = self._head(inner)
        cotangent = scale * loss_cotangent(scale * logits, y, targets=targets, loss=loss)
        if is_straight:
            return logits, tape.gradient(inner, transformed, output_gradients=cotangent)
        gradient = tape.gradient(
            logits, x, output_gradients=cotangent, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return logits, tf.zeros_like(gradient) if self._zero_gradient else gradient


def rounded(x: Tensor) -> Tensor:
    """Return the inputs on a coarse grid; the gradient is zero."""
    return tf.round(x * ROUNDING_LEVELS) / ROUNDING_LEVELS


@tf.custom_gradient
def rounded_straight_through(x: Tensor) -> tuple[Tensor, Function]:
    """Return the same values; the gradient passes as if nothing were rounded."""
    return rounded(x), lambda upstream: upstream


@cache
def digits_cnn() -> Any:
    """Return a float CNN, trained for seconds on scikit-learn's digits."""
    seed_everything(0)
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Conv2D(16, 3, padding="same", activation="relu", input_shape=(8, 8, 1)),
            layers.Conv2D(24, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    optimizer = tf.keras.optimizers.legacy.Adam(5e-3)
    model.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    train = digits_dataset().train
    model.fit(train.inputs(), train.y, batch_size=64, epochs=10, verbose=0)
    return model


def published_resnet8(folder: Path) -> Any:
    """Return MLCommons/Tiny's float ResNet-8 with inputs in [0, 1] and logits in place of probabilities."""
    model = tf.keras.models.load_model(folder / "mlcommons_tiny" / "pretrainedResnet.h5", compile=False)
    assert model.layers[-1].activation is tf.keras.activations.softmax
    model.layers[-1].activation = tf.keras.activations.linear
    return tf.keras.Sequential([tf.keras.Input((32, 32, 3)), tf.keras.layers.Rescaling(255.0), model])
