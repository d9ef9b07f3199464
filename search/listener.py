"""What a worker tells the outside while it works, and where the study stands then."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from spaces.work_steps import WorkSteps
from storage.records import TrialRecord, TrialState
from storage.repository import Repository

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


def read_standing(repository: Repository, study_id: int, *, budget: int) -> Standing:
    """Return where a study stands whose trial budget is `budget`.

    Raises:
        SelectionError: there is no such study.
        StorageError: the database failed.
    """
    counts = repository.count_trials(study_id)
    latest = repository.latest_revision(study_id)
    return Standing(
        trained=sum(count for state, count in counts.items() if state.is_budgeted and state is not TrialState.RUNNING),
        budget=budget,
        refused=counts[TrialState.REFUSED],
        front_size=latest.size,
        hypervolume=latest.hypervolume,
    )


class Listener(Protocol):
    """Follows a worker; every method returns at once."""

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """A float parent is being trained."""
        ...

    def parent_awaited(self, choices: Mapping[str, float]) -> None:
        """Another worker trains a float parent; this one waits for it."""
        ...

    def parent_measured(self, steps: WorkSteps) -> None:
        """A step of measuring how a float parent depends on its bits is done."""
        ...

    def trial_started(self, record: TrialRecord, standing: Standing) -> None:
        """A trial is being trained."""
        ...

    def fit_progressed(self, progress: "FitProgress") -> None:
        """A batch is done."""
        ...

    def trial_measured(self, steps: WorkSteps) -> None:
        """A part of measuring a trial begins, at its end or at a rung."""
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
