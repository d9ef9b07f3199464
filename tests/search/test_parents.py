"""Parents that are trained on from the user's file: from its weights, kept with its name, known by its content."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from search.evaluation import Evaluator, Watch
from search.models.network import Network
from search.models.topologies import digits_cnn
from search.parent_store import ParentStore
from search.parents import Parent, TrainedParent
from search.patience import Patience
from search.training.checkpoint import FitCheckpoint
from spaces.search_space import SearchSpace
from spaces.study_spec import StudySpec
from storage.artifacts import ArtifactStore
from storage.migrations import upgrade
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import create_study
from tests.search.trained_digits import NoParents, digits_dataset, digits_spec, trained_digits

TOPOLOGY = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.5)
CHOICES = {"width": 0.5}
NAMES = {"mean": "moving_mean", "variance": "moving_variance"}


def write_h5(path: Path, weights: dict[str, Any]) -> Path:
    """Write a network's weights as Keras does."""
    with h5py.File(path, "w") as file:
        layers = list(dict.fromkeys(name.split("/")[0] for name in weights))
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer)
            fields = [name.split("/")[1] for name in weights if name.startswith(f"{layer}/")]
            names = [f"{layer}/{NAMES.get(field, field)}:0" for field in fields]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, field in zip(names, fields, strict=True):
                group[name] = weights[f"{layer}/{field}"]
    return path


@pytest.fixture(scope="module")
def weights() -> dict[str, Any]:
    network = Network(TOPOLOGY)
    network.initialize(5)
    return dict(network.weights())


def tuned_spec(path: Path, **changes: Any) -> StudySpec:
    content = digits_spec().model_dump(mode="json")
    content["parent"] |= {"file": str(path), "tune": True, "epochs": 1, **changes}
    return StudySpec.model_validate(content)


@pytest.mark.slow
@pytest.mark.parametrize("adversarial", [{}, {"adversarial_weight": 1.0, "adversarial_epsilon": 0.05}])
def test_training_goes_on_from_the_weights_of_the_file(tmp_path: Path, adversarial: dict[str, float]) -> None:
    weights = dict(trained_digits().weights)
    path = write_h5(tmp_path / "mine.h5", weights)
    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=bool)

    def parent_of(learning_rate: float) -> Parent:
        parents, spec = NoParents(), tuned_spec(path, learning_rate=learning_rate, **adversarial)
        space = SearchSpace(spec, TOPOLOGY.slots)
        try:
            evaluator = Evaluator(spec, digits_dataset(), parents)
            return evaluator.examine_parent(CHOICES, space=space, watch=watch).parent
        finally:
            parents.close()

    still, moved = parent_of(1e-9), parent_of(5e-3)
    np.testing.assert_allclose(still.weights["conv1/kernel"], weights["conv1/kernel"], atol=1e-6)
    assert np.abs(moved.weights["conv1/kernel"] - weights["conv1/kernel"]).max() > 1e-3
    assert moved.source.startswith("mine.h5 (SHA-256 ")
    assert moved.source.endswith("which may have seen the validation images, trained on here")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    engine = open_engine(str(tmp_path / "studies.db"))
    upgrade(engine)
    yield Repository(engine)
    engine.dispose()


def store_of(spec: StudySpec, repository: Repository, folder: Path) -> ParentStore:
    study = repository.find_study("tiny") or create_study(repository)
    patience = Patience(lambda: False, rng=random.Random(0))
    artifacts = ArtifactStore(folder / "artifacts")
    return ParentStore(
        spec, digits_dataset(), study_id=study.id, repository=repository, artifacts=artifacts, patience=patience
    )


def test_tuned_parent_is_trained_once_and_kept_with_its_source(
    tmp_path: Path, weights: dict[str, Any], repository: Repository
) -> None:
    store = store_of(tuned_spec(write_h5(tmp_path / "mine.h5", weights)), repository, tmp_path)
    assert store.find(TOPOLOGY, CHOICES) is None, "the file is where it begins, not what it is"
    parent = Parent(weights=weights, clean_accuracy=0.5, source="mine.h5, trained on here")

    def train(_checkpoint: FitCheckpoint, _is_lost: Any) -> TrainedParent:
        return TrainedParent(parent=parent, details={"epochs": 1})

    store.obtain(TOPOLOGY, CHOICES, train)
    found = store.find(TOPOLOGY, CHOICES)
    assert found is not None
    assert (found.clean_accuracy, found.source) == (0.5, "mine.h5, trained on here")


def test_parent_is_known_by_the_content_of_its_file(
    tmp_path: Path, weights: dict[str, Any], repository: Repository
) -> None:
    path = write_h5(tmp_path / "mine.h5", weights)
    store = store_of(tuned_spec(path), repository, tmp_path)
    before = store.key(CHOICES)
    write_h5(path, {name: values + 1 for name, values in weights.items()})
    assert store.key(CHOICES) != before


def test_key_of_a_parent_without_new_settings_is_the_one_it_always_had(tmp_path: Path, repository: Repository) -> None:
    spelled_out = digits_spec().model_dump(mode="json")
    spelled_out["parent"] |= {"tune": False, "adversarial_weight": 0.0}
    keys = {
        store_of(spec, repository, tmp_path).key(CHOICES)
        for spec in (digits_spec(), StudySpec.model_validate(spelled_out))
    }
    assert len(keys) == 1


def test_parent_that_saw_other_moves_or_attacks_of_recordings_is_another(
    tmp_path: Path, repository: Repository
) -> None:
    keys = []
    for frames, epsilon in ((0, 0), (2, 0), (5, 0), (0, 2), (2, 2)):
        content = digits_spec().model_dump(mode="json")
        content["data"] |= {"shift_frames": frames, "waveform_epsilon": epsilon}
        keys.append(store_of(StudySpec.model_validate(content), repository, tmp_path).key(CHOICES))
    assert len(set(keys)) == 5
