"""A linear classifier whose least perturbation is known, and a wrapper that counts what an attack is given."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel
from search.attacks.losses import Backward, Loss


@dataclass
class LinearClassifier:
    """logits = x w + b. Between two classes the least L-inf perturbation is margin / ||w_right - w_wrong||_1."""

    weights: NDArray[np.float64]  # [n_features, n_classes]
    bias: NDArray[np.float64]  # [n_classes]
    input_range: tuple[float, float] = (0.0, 1.0)

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        return (x.reshape(len(x), -1) @ self.weights + self.bias).astype(np.float32)

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
        """Return the margin's gradient; between two classes every loss climbs the same way."""
        logits = self.logits(x)
        others = logits.copy()
        others[np.arange(len(y)), y] = -np.inf
        gradient = (self.weights[:, others.argmax(axis=1)] - self.weights[:, y]).T
        return logits, gradient.reshape(x.shape).astype(np.float32)

    def least_epsilon(self, x: Inputs, y: Labels) -> NDArray[np.float64]:
        """Return the exact robustness of each example, the valid range left aside.  # [n]"""
        logits = x.reshape(len(x), -1) @ self.weights + self.bias
        radii = np.full(logits.shape, np.inf)
        for row, label in enumerate(y):
            for other in range(logits.shape[1]):
                if other != label:
                    gap = self.weights[:, label] - self.weights[:, other]
                    radii[row, other] = (logits[row, label] - logits[row, other]) / np.abs(gap).sum()
        return radii.min(axis=1)


def make_linear(*, n_classes: int = 2, n: int = 40, seed: int = 0) -> tuple[LinearClassifier, Inputs, Labels]:
    """Return a linear classifier and examples near 0.5 with its own predictions as labels."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 1, (12, n_classes))
    x = (0.5 + 0.1 * rng.uniform(-1, 1, (n, 3, 4))).astype(np.float32)
    model = LinearClassifier(weights, -x.reshape(n, -1).mean(axis=0) @ weights)
    return model, x, model.logits(x).argmax(axis=1)


@dataclass
class CountingAttack(Attack):
    """Hands on to another attack and notes each radius with the number of examples."""

    inner: Attack
    calls: list[tuple[float, int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs,
        rng: np.random.Generator,
    ) -> Inputs:
        self.calls.append((threat.epsilon, len(x)))
        return self.inner.run(model, x, y, threat, start=start, rng=rng)
