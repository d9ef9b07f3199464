"""What all candidates of one topology share: the network and everything that is traced for it once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from search.data.dataset import Dataset, Examples
from search.data.splits import stratified_indices
from search.models.calibration import calibrate_integer_bits
from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.models.topologies import make_topology
from search.models.topology import Topology
from search.parents import Parent
from search.training.step import StepSettings, TrainingStep
from spaces.study_spec import StudySpec

_CALIBRATION_EXAMPLES = 256


@dataclass(slots=True)
class Workbench:
    """A topology's network, and what was found out about it.

    Attributes:
        parent: that candidates start from; None until it is there.
        integer_bits: activation node -> activation bits -> integer bits; None until calibrated.
    """

    topology: Topology
    network: Network
    step: TrainingStep
    classifier: NetworkClassifier
    parent: Parent | None = None
    integer_bits: dict[str, dict[int, int]] | None = None


class Workbenches:
    """The workbenches of one study, each built when it is first asked for."""

    def __init__(self, spec: StudySpec, dataset: Dataset) -> None:
        """Prepare; nothing is built yet."""
        self._spec, self._dataset = spec, dataset
        self._built: dict[tuple[tuple[str, float], ...], Workbench] = {}

    def topology(self, choices: Mapping[str, float]) -> Topology:
        """Return the topology of some choices, without a network."""
        return make_topology(
            self._spec.topology,
            input_shape=self._dataset.input_shape,
            n_classes=self._dataset.n_classes,
            choices=choices,
        )

    def at(self, choices: Mapping[str, float]) -> Workbench:
        """Return the workbench of a topology."""
        key = tuple(choices.items())
        if key not in self._built:
            network = Network(self.topology(choices))
            training = self._spec.training
            settings = StepSettings(
                weight_decay=training.weight_decay,
                jacobian_examples=max(1, round(training.jr_fraction * training.batch_size)),
                input_range=self._dataset.input_range,
            )
            self._built[key] = Workbench(
                topology=network.topology,
                network=network,
                step=TrainingStep(network, settings),
                classifier=NetworkClassifier(network, input_range=self._dataset.input_range),
            )
        return self._built[key]

    def train_examples(self, count: int) -> Examples:
        """Return at most `count` examples of the training split, the same for every trial of the study.

        Stratified, because a user's data may be sorted by class.
        """
        train = self._dataset.train
        rng = np.random.default_rng(self._spec.seed)
        rows = stratified_indices(train.y, min(count, len(train)), rng)
        return Examples(x=train.inputs(rows), y=train.y[rows])

    def calibration(self) -> Examples:
        """Return the examples that ranges and sensitivities are measured on."""
        return self.train_examples(_CALIBRATION_EXAMPLES)

    def calibrate(self, bench: Workbench, *, mode: Mode) -> dict[str, dict[int, int]]:
        """Return the ranges of the activations of the network's present weights."""
        return calibrate_integer_bits(bench.network, self.calibration().x, mode=mode)
