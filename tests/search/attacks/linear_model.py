"""A linear classifier in NumPy, whose distances to its decision boundaries are known in closed form."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Inputs, Labels
from search.attacks.losses import SCALED_SPREAD, Backward, Loss
from spaces.norms import Norm


class LinearModel:
    """z = (x - 0.5) W + b; inputs of any shape in [0, 1]."""

    input_range = (0.0, 1.0)

    def __init__(self, weights: NDArray[np.floating], bias: NDArray[np.floating] | float = 0.0) -> None:
        self.weights = weights.astype(np.float32)  # [n_coordinates, n_classes]
        self.bias = np.float32(bias) if np.ndim(bias) == 0 else np.asarray(bias, np.float32)

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        return ((x.reshape(len(x), len(self.weights)) - 0.5) @ self.weights + self.bias).astype(np.float32)

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
        logits = self.logits(x)
        cotangent = scale * loss_cotangent(np.float32(scale) * logits, y, loss=loss, targets=targets)
        return logits, (cotangent @ self.weights.T).reshape(x.shape).astype(np.float32)


class Astray(LinearModel):
    """A linear model whose gradients of some losses point the right way at the clean inputs only."""

    def __init__(self, linear: LinearModel, clean: Inputs, *, losses: Iterable[Loss]) -> None:
        super().__init__(linear.weights, linear.bias)
        self.clean = frozenset(row.tobytes() for row in clean)
        self.losses = frozenset(losses)

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
        logits, gradient = super().loss_gradient(x, y, loss=loss, backward=backward, targets=targets, scale=scale)
        signs = [-1.0 if loss in self.losses and row.tobytes() not in self.clean else 1.0 for row in x]
        return logits, gradient * np.array(signs, np.float32).reshape(-1, *[1] * (x.ndim - 1))


def loss_cotangent(
    logits: NDArray[np.float32], y: Labels, *, loss: Loss, targets: Labels | None
) -> NDArray[np.float32]:
    """Return dloss/dlogits; the denominators of the ratios are taken as constants."""
    n, rows = len(y), np.arange(len(y))
    others = logits.copy()
    others[rows, y] = -np.inf
    up, ranked = others.argmax(axis=1), -np.sort(-logits, axis=1)
    cotangent = np.zeros_like(logits)
    if loss in (Loss.CROSS_ENTROPY, Loss.SCALED_CROSS_ENTROPY):
        spread = ranked[:, 0] - ranked[:, min(2, logits.shape[1] - 1)]
        factor = np.ones(n) if loss is Loss.CROSS_ENTROPY else SCALED_SPREAD / spread
        shifted = np.exp((logits - ranked[:, :1]) * factor[:, None])
        cotangent = shifted / shifted.sum(axis=1, keepdims=True)
        cotangent[rows, y] -= 1
        return (cotangent * factor[:, None]).astype(np.float32)
    if loss is Loss.TARGETED_DLR:
        assert targets is not None
        up = targets
    cotangent[rows, up] += 1
    cotangent[rows, y] -= 1
    return cotangent


def linear_problem(
    *, n: int = 24, shape: tuple[int, ...] = (4, 4, 1), n_classes: int = 4, seed: int = 3
) -> tuple[LinearModel, Inputs, Labels]:
    """Return a model, inputs near the middle of the range, and the model's own predictions as labels."""
    rng = np.random.default_rng(seed)
    model = LinearModel(rng.standard_normal((int(np.prod(shape)), n_classes)))
    x = rng.uniform(0.4, 0.6, size=(n, *shape)).astype(np.float32)
    return model, x, model.logits(x).argmax(axis=1).astype(np.int64)


def minimal_radii(model: LinearModel, x: Inputs, y: Labels, norm: Norm) -> NDArray[np.float64]:
    """Return min over the wrong classes i of (z_y - z_i) / ||w_y - w_i||_dual, for balls inside the range."""
    logits, radii = model.logits(x).astype(np.float64), np.full((len(x), model.weights.shape[1]), np.inf)
    for row, label in enumerate(y):
        for other in set(range(radii.shape[1])) - {int(label)}:
            difference = model.weights[:, label].astype(np.float64) - model.weights[:, other]
            dual = np.linalg.norm(difference, 1 if norm is Norm.LINF else 2)
            radii[row, other] = (logits[row, label] - logits[row, other]) / dual
    return radii.min(axis=1)


def two_class_problem(*, n: int = 24, seed: int = 3) -> tuple[LinearModel, Inputs, Labels]:
    """Return the same with two classes that compete and two that never win, which the ratio losses need."""
    rng = np.random.default_rng(seed)
    weights = np.concatenate([rng.standard_normal((16, 2)), np.zeros((16, 2))], axis=1)
    model = LinearModel(weights, np.array([0.0, 0.0, -20.0, -20.0]))
    x = rng.uniform(0.4, 0.6, size=(n, 4, 4, 1)).astype(np.float32)
    return model, x, model.logits(x).argmax(axis=1).astype(np.int64)
