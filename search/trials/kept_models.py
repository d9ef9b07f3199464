"""The trained models of a study whose weights are kept: those of its front and its baselines."""

import logging
from functools import partial

from search.inheritance import KeptModel
from search.patience import Patience
from search.stored_models import load_stored_model
from search.warm_starts import nearest_candidate
from spaces.candidate import Candidate
from spaces.errors import ArtifactError
from spaces.search_space import SearchSpace
from storage.artifacts import ArtifactStore
from storage.records import StudyRecord, TrialRecord, TrialState
from storage.repository import Repository

_log = logging.getLogger(__name__)


class StudyModels:
    """Finds the model that a candidate may inherit from; baselines inherit from none."""

    def __init__(
        self,
        study: StudyRecord,
        space: SearchSpace,
        *,
        repository: Repository,
        artifacts: ArtifactStore,
        patience: Patience,
    ) -> None:
        """Keep what is needed to look."""
        self._study, self._repository = study, repository
        self._artifacts, self._patience = artifacts, patience
        self._baselines = tuple(dict.fromkeys(space.decode(params).fingerprint for params in space.baselines()))

    def nearest(self, candidate: Candidate) -> KeptModel | None:
        """Return the nearest kept model of the candidate's topology; None where there is none, and for a baseline."""
        if candidate.fingerprint in self._baselines:
            return None
        kept = {record.number: record.candidate for record in self._kept()}
        while (neighbour := nearest_candidate(candidate, kept)) is not None:
            number = neighbour.number
            try:
                digests = self._patience(partial(self._repository.artifacts, self._study.id, number))
                model = load_stored_model(self._study, number, digests=digests, artifacts=self._artifacts)
            except ArtifactError as error:  # it may have left the front in this moment
                _log.warning("trial %d is not inherited from: %s The next nearest one is taken.", number, error)
                del kept[number]
            else:
                return KeptModel(number=number, distance=neighbour.distance, weights=model.weights)
        return None

    def _kept(self) -> list[TrialRecord]:
        study_id = self._study.id
        front = self._patience(lambda: self._repository.front(study_id))
        baselines = [
            self._patience(partial(self._repository.find_candidate, study_id, fingerprint))
            for fingerprint in self._baselines
        ]
        return front + [record for record in baselines if record and record.state is TrialState.COMPLETE]
