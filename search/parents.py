"""The float networks that candidates start from, and how the place looks where they are kept."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from search.models.network import Weights
from search.models.topology import Topology
from search.training.checkpoint import FitCheckpoint

TRAINED_HERE = "trained here"


def file_source(path: Path) -> str:
    """Return in words where the weights of a user's file come from, which an export repeats."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{path.name} (SHA-256 {digest[:12]}), which may have seen the validation images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The float network that candidates of a topology start from.

    Attributes:
        weights: `Network.weights`.
        clean_accuracy: on the validation split.
        source: `TRAINED_HERE`, or the user's file, which may have seen the validation images.
    """

    weights: Weights
    clean_accuracy: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedParent:
    """A parent that was trained just now.

    Attributes:
        details: small JSON values that are kept with it: epochs, seconds.
    """

    parent: Parent
    details: Mapping[str, Any]


class TrainParent(Protocol):
    """Trains a parent."""

    def __call__(self, checkpoint: FitCheckpoint, is_lost: Callable[[], bool]) -> TrainedParent:
        """Train.

        Args:
            checkpoint: where the training's state is kept after every epoch, and an unfinished one goes on from.
            is_lost: asked after every batch, whether another worker took the training over.

        Raises:
            ParentError: it cannot be trained.
            StopRequestedError: somebody asked to stop, or `is_lost` said so.
        """
        ...


class ParentSource(Protocol):
    """Where parents come from: those of earlier trials and of other workers, and new ones."""

    def obtain(self, topology: Topology, choices: Mapping[str, float], train: TrainParent) -> Parent:
        """Return the parent of a topology with these choices; `train` makes it where there is none yet."""
        ...
