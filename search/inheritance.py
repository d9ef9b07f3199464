"""Whether a candidate starts from its float parent or from the weights of a trained candidate that is alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from search.models.network import Network
from spaces.candidate import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptModel:
    """A trained trial whose weights are kept.

    Attributes:
        number: the trial's.
        distance: of its candidate from the one that is to start, as `search.warm_starts.Neighbour` has it.
        weights: `Network.weights`.
    """

    number: int
    distance: float
    weights: Mapping[str, NDArray[np.float32]]


class KeptModels(Protocol):
    """Where trained models are kept."""

    def nearest(self, candidate: Candidate) -> KeptModel | None:
        """Return the kept model of the same topology that is nearest; None where there is none to inherit from."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StartChoice:
    """Which start a candidate took, and why.

    Attributes:
        number, distance: of the kept model that was nearest.
        parent_loss: with which the candidate's training would begin from the parent's weights.
        kept_loss: with which it would begin from the kept model's weights.
    """

    number: int
    distance: float
    parent_loss: float
    kept_loss: float

    @property
    def inherits(self) -> bool:
        """Whether the candidate starts from the kept model: where the loss is lower."""
        return self.kept_loss < self.parent_loss

    def to_json(self) -> dict[str, Any]:
        """Return what a trial's details say of its start."""
        return {
            "taken": f"trial {self.number}" if self.inherits else "parent",
            "nearest": self.number,
            "distance": self.distance,
            "parent_loss": self.parent_loss,
            "kept_loss": self.kept_loss,
        }


def choose_start(
    network: Network,
    *,
    parent: Mapping[str, NDArray[np.float32]],
    kept: KeptModel,
    loss: Callable[[], float],
) -> StartChoice:
    """Compare two starts of a candidate, and leave the better one's weights in the network.

    The loss is that of the training to come, Jacobian term included: a parent that was trained without one has the
    lower cross-entropy, but far to go for a candidate that has one.

    Args:
        network: has the candidate's policies.
        parent: weights of the float parent.
        kept: the other start.
        loss: of the network's present weights with the candidate's bits and Jacobian weights.
    """

    def loss_of(weights: Mapping[str, NDArray[np.float32]]) -> float:
        network.load_weights(weights)
        return loss()

    kept_loss = loss_of(kept.weights)
    choice = StartChoice(number=kept.number, distance=kept.distance, parent_loss=loss_of(parent), kept_loss=kept_loss)
    if choice.inherits:
        network.load_weights(kept.weights)
    return choice
