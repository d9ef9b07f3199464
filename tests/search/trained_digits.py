"""A small network, trained for seconds on scikit-learn's digits, as the search would store it."""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from search.data.dataset import Dataset
from search.data.digits import load_digits
from search.data.splits import split
from search.evaluation import Evaluator, Watch
from search.models.topologies import make_topology
from search.models.trained_model import TrainedModel
from search.parents import Parent, TrainParent
from search.training.checkpoint import FitCheckpoint
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from spaces.study_spec import StudySpec

EPSILONS = (0.02, 0.06, 0.12)


def digits_spec(*, name: str = "digits") -> StudySpec:
    content: dict[str, Any] = {
        "name": name,
        "seed": 1,
        "data": {"name": "digits", "validation_examples": 300, "attack_examples": 100},
        "topology": {"name": "digits_cnn", "width": [0.5]},
        "layers": {"weight_bits": [3, 4]},
        "training": {"epochs": 2, "batch_size": 64, "learning_rate": [2e-3]},
        "parent": {"epochs": 12, "batch_size": 64, "learning_rate": 5e-3},
        "robustness": {"epsilons": list(EPSILONS), "pgd_steps": 5},
        "objectives": [{"name": "clean_accuracy", "reference": 0.1}, {"name": "size_bytes", "reference": 12000}],
    }
    return StudySpec.model_validate(content)


class NoParents:
    """Keeps nothing beyond the run."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._checkpoint = FitCheckpoint(Path(self._folder.name) / "unfinished.npz")

    def obtain(self, topology: Any, choices: Mapping[str, float], train: TrainParent) -> Parent:
        return train(self._checkpoint, lambda: False).parent

    def close(self) -> None:
        self._folder.cleanup()


@cache
def digits_dataset() -> Dataset:
    spec = digits_spec()
    return split(load_digits(None), validation_examples=300, attack_examples=100, seed=spec.seed)


@cache
def trained_digits() -> TrainedModel:
    """Return the model; trained once in a test run."""
    spec, dataset = digits_spec(), digits_dataset()
    topology = make_topology(spec.topology, input_shape=(8, 8, 1), n_classes=10, choices={"width": 0.5})
    candidate = Candidate(
        policies={
            slot.name: LayerPolicy(weight_bits=4, activation_bits=4 if slot.has_activation else None)
            for slot in topology.slots
        },
        topology={"width": 0.5},
        training={"learning_rate": 2e-3, "adversarial_weight": 0.0},
    )
    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False)
    parents = NoParents()
    try:
        return Evaluator(spec, dataset, parents).evaluate(candidate, seed=0, watch=watch).model
    finally:
        parents.close()
