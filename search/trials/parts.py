"""What a worker works with, handed to each of its parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search.evaluation import Evaluator
from search.listener import Listener, Standing, read_standing
from search.patience import Patience
from search.sampling import OptunaStudy
from search.trials.outbox import Outbox
from spaces.search_space import SearchSpace
from spaces.study_spec import StudySpec
from storage.artifacts import ArtifactStore
from storage.claims import ClaimRepository
from storage.records import StudyRecord
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.workers import WorkerIdentity, WorkerRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """The parts; `search.bootstrap` puts them together.

    Attributes:
        identity: of the worker.
        lease_s: seconds until a trial may be taken from a worker that fell silent.
        provenance: what every trial's details record: package versions, the sampler.
        keep_all: keep the models that left the front too.
        should_stop: asked after every batch, and while the worker waits.
        patience: makes the calls to the database.
    """

    identity: WorkerIdentity
    lease_s: float
    provenance: Mapping[str, Any]
    study: StudyRecord
    spec: StudySpec
    space: SearchSpace
    optuna_study: OptunaStudy
    repository: Repository
    claims: ClaimRepository
    workers: WorkerRepository
    rungs: RungRepository
    artifacts: ArtifactStore
    outbox: Outbox
    evaluator: Evaluator
    listener: Listener
    keep_all: bool
    should_stop: Callable[[], bool]
    patience: Patience

    def standing(self) -> Standing:
        """Return where the study stands."""
        budget = self.spec.budget.trials
        return self.patience(lambda: read_standing(self.repository, self.study.id, budget=budget))
