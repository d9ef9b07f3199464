"""Where float parents are kept: the user's file where the study takes it as it is, else the database and artifacts."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from search.data.dataset import Dataset
from search.measuring import float_accuracy
from search.models.float_weights import load_float_weights
from search.models.network import Network
from search.models.topology import Topology
from search.models.trained_model import weights_from_bytes, weights_to_bytes
from search.parent_file import parent_file
from search.parents import TRAINED_HERE, Parent, TrainParent, file_source
from search.patience import Patience
from search.training.checkpoint import FitCheckpoint
from spaces.errors import LostArtifactError
from spaces.study_spec import DataSpec, StudySpec
from storage.artifacts import ArtifactStore
from storage.records import ParentRecord
from storage.repository import Repository

_log = logging.getLogger(__name__)


def _of_recordings(data: DataSpec) -> list[object]:
    """Return the changes of training recordings; none leave no trace, so the digests of earlier versions hold."""
    changes: list[object] = [data.shift_frames] if data.shift_frames else []
    return [*changes, {"waveform_epsilon": data.waveform_epsilon}] if data.waveform_epsilon else changes


class ParentStore:
    """The parents of one study."""

    def __init__(
        self,
        spec: StudySpec,
        dataset: Dataset,
        *,
        study_id: int,
        repository: Repository,
        artifacts: ArtifactStore,
        patience: Patience,
    ) -> None:
        """Keep what is needed to find and keep parents."""
        self._spec, self._dataset, self._study_id = spec, dataset, study_id
        self._repository, self._artifacts, self._patience = repository, artifacts, patience
        self._told_lost: set[str] = set()

    def key(self, choices: Mapping[str, float]) -> str:
        """Return a digest of everything that the parent of a topology with these choices is made from."""
        data = self._spec.data
        made_from = {
            "topology": self._spec.topology.model_dump(mode="json", exclude={"width"}),
            "choices": dict(choices),
            "parent": self._spec.parent.identity(),
            "data": self._dataset.fingerprint,
            "augmentation": [data.flip, data.shift_pixels, *_of_recordings(data)],
            "weight_decay": self._spec.training.weight_decay,
            "seed": self._spec.seed,
        }
        if self._spec.parent.tune:
            # Besides its name: what is kept beside the artifacts is shared by all studies.
            made_from["start"] = file_source(parent_file(self._spec.parent.file or "", self._dataset.data_dir))
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()

    def obtain(
        self,
        topology: Topology,
        choices: Mapping[str, float],
        train: TrainParent,
        *,
        is_lost: Callable[[], bool] = lambda: False,
    ) -> Parent:
        """Return the parent of a topology: the kept one, or else one that `train` makes and that is then kept.

        Args:
            topology: of the parent.
            choices: the topology's.
            train: called where there is none.
            is_lost: handed to `train`.

        Raises:
            SpecError: the user's file does not fit the topology.
            ParentError: `train` failed.
            ArtifactError: the parent could not be read, or it or its state not stored.
            StopRequestedError: somebody asked to stop, or the training was lost.
        """
        kept = self.find(topology, choices)
        if kept is not None:
            return kept
        checkpoint = self.checkpoint(choices)
        trained = train(checkpoint, is_lost)
        kept = self.keep(choices, trained.parent, trained.details)
        checkpoint.clear()
        return kept

    def find(self, topology: Topology, choices: Mapping[str, float]) -> Parent | None:
        """Return the kept parent of a topology; None where there is none, or where its weights are lost or damaged.

        What `keep` then stores takes their place: under the same digest where the same weights are trained again, which
        another machine or version may not do, else under another one.

        Raises:
            SpecError: the user's file does not fit the topology.
            ArtifactError: the weights cannot be read now, but may be there.
        """
        if self._spec.parent.file is not None and not self._spec.parent.tune:
            return self._from_file(topology, parent_file(self._spec.parent.file, self._dataset.data_dir))
        record = self._patience(lambda: self._repository.find_parent(self._study_id, self.key(choices)))
        return None if record is None else self._stored(record)

    def keep(self, choices: Mapping[str, float], parent: Parent, details: Mapping[str, Any]) -> Parent:
        """Keep a parent, unless another worker was first: then its parent is returned, so that all use the same.

        A first one whose weights are lost or damaged is replaced.

        Raises:
            ArtifactError: the parent could not be stored, or the first one not be read.
        """
        record = ParentRecord(
            key=self.key(choices),
            digest=self._artifacts.put(weights_to_bytes(parent.weights)),
            clean_accuracy=parent.clean_accuracy,
            details={**details, "topology": dict(choices), "source": parent.source},
        )
        first = self._patience(lambda: self._repository.save_parent(self._study_id, record))
        if first.digest == record.digest:
            return parent
        kept = self._stored(first)
        if kept is not None:
            return kept
        stored = self._patience(lambda: self._repository.replace_parent(self._study_id, record, lost=first.digest))
        for digest in self._patience(lambda: self._repository.unreferenced({first.digest})):
            self._artifacts.remove(digest)
        return parent if stored.digest == record.digest else self._stored(stored) or parent

    def checkpoint(self, choices: Mapping[str, float]) -> FitCheckpoint:
        """Return where a parent's unfinished training is kept: a file beside the artifacts."""
        return FitCheckpoint(self._artifacts.root / "unfinished" / f"{self.key(choices)}.npz")

    def _stored(self, record: ParentRecord) -> Parent | None:
        try:
            weights = weights_from_bytes(self._artifacts.get(record.digest))
        except LostArtifactError as error:  # not removed: another worker may be writing it anew in this moment
            if record.digest not in self._told_lost:  # who waits for another worker's training looks again and again
                _log.warning("%s It is trained again.", error)
                self._told_lost.add(record.digest)
            return None
        source = str(record.details.get("source", TRAINED_HERE))
        return Parent(weights=weights, clean_accuracy=record.clean_accuracy, source=source)

    def _from_file(self, topology: Topology, path: Path) -> Parent:
        weights = load_float_weights(path, topology)
        network = Network(topology)
        network.load_weights(weights)
        accuracy = float_accuracy(network, self._dataset.validation, self._dataset.input_range)
        return Parent(weights=weights, clean_accuracy=accuracy, source=file_source(path))
