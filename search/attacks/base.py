"""What an attack is: a model seen as logits and gradients, a ball around each input, and a success test.

`Attack.__call__` is final and owns the ball, the valid range and the success test; an attack supplies only `run`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from search.attacks.losses import Backward, Loss
from spaces.errors import SpecError
from spaces.norms import Norm

Inputs = NDArray[np.float32]  # [n, ...]
Labels = NDArray[np.int64]  # [n]

_TINY = 1e-12


class Classifier(Protocol):
    """A model as attacks see it: deterministic, inputs in input units, outputs logits."""

    @property
    def input_range(self) -> tuple[float, float]:
        """Bounds of valid inputs."""
        ...

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        """Return logits.  # [n, n_classes]"""
        ...

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
        """Return logits [n, n_classes] and the gradient of each example's loss with respect to x, like x.

        Args:
            x: inputs.  # [n, ...]
            y: labels.  # [n]
            loss: what is differentiated.
            backward: the network that the gradient goes back through.
            targets: for TARGETED_DLR.  # [n]
            scale: what the logits are multiplied by before the loss is taken; they are returned as they are.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreatModel:
    """The perturbations that count: a ball of radius `epsilon` in input units."""

    epsilon: float
    norm: Norm = Norm.LINF

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < float("inf"):
            raise SpecError(f"epsilon must be finite and > 0; got {self.epsilon}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackResult:
    """What an attack found.

    Attributes:
        x: the best perturbed inputs, inside the ball and the valid range.  # [n, ...]
        is_broken: whether the model's prediction on x differs from the label.  # [n]
    """

    x: Inputs
    is_broken: NDArray[np.bool_]


def margin(logits: NDArray[np.float32], y: Labels) -> NDArray[np.float32]:
    """Return the best wrong logit minus the right one: negative where the prediction is right.  # [n]"""
    rows = np.arange(len(y))
    others = logits.copy()
    others[rows, y] = -np.inf
    best_wrong: NDArray[np.float32] = others.max(axis=1) - logits[rows, y]
    return best_wrong


def is_broken(logits: NDArray[np.float32], y: Labels) -> NDArray[np.bool_]:
    """Return where the prediction is wrong, ties broken as the deployed argmax does (the first wins).  # [n]"""
    wrong: NDArray[np.bool_] = logits.argmax(axis=1) != y
    return wrong


def project(
    x: Inputs, center: Inputs, *, epsilon: float, input_range: tuple[float, float], norm: Norm = Norm.LINF
) -> Inputs:
    """Return x moved into the ball around `center` and into the valid range.

    In L2 the perturbation is scaled down to the radius, then clipped to the range, which only shortens it further.
    """
    low, high = input_range
    if norm is Norm.L2:
        delta = x - center
        length = np.sqrt(np.sum(delta**2, axis=tuple(range(1, x.ndim)), keepdims=True, dtype=np.float64))
        inside = center + delta * np.minimum(1.0, epsilon / np.maximum(length, _TINY)).astype(np.float32)
        return np.clip(inside, low, high)
    lowest, highest = np.maximum(center - np.float32(epsilon), low), np.minimum(center + np.float32(epsilon), high)
    return np.clip(x, lowest, highest)


def signed_step(x: Inputs, gradient: Inputs, *, size: float) -> Inputs:
    """Return x moved by `size` along the gradient's sign in every coordinate."""
    return (x + np.float32(size) * np.sign(gradient)).astype(np.float32, copy=False)


def check_inputs(model: Classifier, x: Inputs, y: Labels) -> None:
    """Check what an attack is given.

    Raises:
        SpecError: x and y do not fit each other, or x leaves the model's valid range.
    """
    low, high = model.input_range
    if len(x) != len(y):
        raise SpecError(f"{len(x)} inputs but {len(y)} labels; give one label for each input.")
    if x.size and (x.min() < low or x.max() > high):
        raise SpecError(f"inputs must lie in [{low:g}, {high:g}]; got [{x.min():g}, {x.max():g}]: wrong input units?")


class Attack(ABC):
    """Base of all attacks."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Short name, as stored and shown."""

    @abstractmethod
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
        """Search for perturbed inputs that the model gets wrong; may leave the ball, the caller projects.

        Args:
            model: the model under attack.
            x: clean inputs, all classified right.  # [n, ...]
            y: labels.  # [n]
            threat: the ball.
            start: where to begin, e.g. where a smaller radius ended; equal to x, it is left to the attack.  # [n, ...]
            rng: the attack's randomness.
        """

    @final
    def __call__(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs | None = None,
        rng: np.random.Generator,
    ) -> AttackResult:
        """Attack and return what was found, projected and tested.

        Raises:
            SpecError: x and y do not fit each other, or x leaves the model's valid range.
        """
        check_inputs(model, x, y)
        if not len(x):
            return AttackResult(x=x, is_broken=np.zeros(0, bool))
        found = self.run(model, x, y, threat, start=x if start is None else start, rng=rng)
        found = project(found, x, epsilon=threat.epsilon, input_range=model.input_range, norm=threat.norm)
        return AttackResult(x=found, is_broken=is_broken(model.logits(found), y))
