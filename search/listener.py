"""What a worker tells the outside while it works."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from storage.records import TrialRecord

if TYPE_CHECKING:  # comes with TensorFlow, which a supervisor does without
    from search.training.fit import FitProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the study stands.

    Attributes:
        trained: trials that were trained, stopped and failed ones included.
        budget: trials to be trained.
        refused: trials that were refused before training.
        front_size: members of the Pareto front.
        hypervolume: of the front.
    """

    trained: int
    budget: int
    refused: int
    front_size: int
    hypervolume: float


class Listener(Protocol):
    """Follows a worker; every method returns at once."""

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """A float parent is being trained."""
        ...

    def trial_started(self, record: TrialRecord, standing: Standing) -> None:
        """A trial is being trained."""
        ...

    def fit_progressed(self, progress: "FitProgress") -> None:
        """A batch is done."""
        ...

    def trial_finished(self, record: TrialRecord, standing: Standing) -> None:
        """A trial is over: complete, stopped, failed or refused."""
        ...

    def waiting(self, running: int) -> None:
        """No place is free, but other workers have trials, whose places may come free."""
        ...

    def space_exhausted(self, standing: Standing) -> None:
        """Every candidate of the space was tried before the budget was spent."""
        ...
