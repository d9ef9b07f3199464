"""What all candidates of one topology share: the network and everything that is traced for it once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search.data.dataset import Dataset, Examples
from search.data.pipeline import batches
from search.data.splits import stratified_indices
from search.models.calibration import calibrate_integer_bits
from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.models.topologies import make_topology
from search.models.topology import Topology
from search.parents import Parent
from search.training.attacked_recordings import AttackedRecordings, TrainingRecordings
from search.training.checkpoint import EpochRecord, FitState
from search.training.fit import AfterEpoch, Batch, FitPlan, FitProgress, fit
from search.training.norm_statistics import NormStatistics
from search.training.start_loss import StartLoss
from search.training.step import StepSettings, TrainingStep
from spaces.errors import SpecError
from spaces.study_spec import StudySpec

_CALIBRATION_EXAMPLES = 256
_NORM_EXAMPLES = 1024


@dataclass(slots=True)
class Workbench:
    """A topology's network, and what was found out about it.

    Attributes:
        recordings: what it is trained on instead of features as they are; None where the study does not attack them.
        parent: that candidates start from; None until it is there.
        integer_bits: activation node -> activation bits -> integer bits; None until calibrated.
    """

    topology: Topology
    network: Network
    step: TrainingStep
    norms: NormStatistics
    start_loss: StartLoss
    classifier: NetworkClassifier
    recordings: AttackedRecordings | None = None
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
                norms=NormStatistics(network),
                start_loss=StartLoss(network),
                classifier=NetworkClassifier(network, input_range=self._dataset.input_range),
                recordings=self._attacked_recordings(network),
            )
        return self._built[key]

    def _attacked_recordings(self, network: Network) -> AttackedRecordings | None:
        epsilon = self._spec.data.waveform_epsilon
        return AttackedRecordings(network, self._recordings, epsilon=epsilon) if epsilon else None

    @cached_property
    def _recordings(self) -> TrainingRecordings:
        sound = self._dataset.sound
        if sound is None:
            raise SpecError("data.waveform_epsilon is for recordings, and these data have none; remove the key.")
        return TrainingRecordings(self._dataset, sound)

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

    def renew_norms(self, bench: Workbench) -> None:
        """Give a trained network the statistics of its present weights, before it is measured."""
        bench.norms.renew(self.train_examples(_NORM_EXAMPLES).x)

    def calibrate(self, bench: Workbench, *, mode: Mode) -> dict[str, dict[int, int]]:
        """Return the ranges of the activations of the network's present weights."""
        return calibrate_integer_bits(bench.network, self.calibration().x, mode=mode)

    def fit(
        self,
        bench: Workbench,
        plan: FitPlan,
        *,
        batch_size: int,
        on_progress: Callable[[FitProgress], None],
        should_stop: Callable[[], bool],
        start: FitState | None,
        after_epoch: AfterEpoch,
    ) -> tuple[EpochRecord, ...]:
        """Train the network on the study's data; the other arguments and what it raises are those of `fit`."""
        data = self._spec.data

        def epoch_batches(epoch: int) -> Iterable[Batch]:
            if bench.recordings is not None:
                return bench.recordings.batches(
                    batch_size=batch_size,
                    seed=plan.seed,
                    epoch=epoch,
                    shift_frames=data.shift_frames,
                    quantized=plan.quantized,
                )
            return batches(
                self._dataset.train,
                batch_size=batch_size,
                seed=plan.seed,
                epoch=epoch,
                flip=data.flip,
                shift_pixels=data.shift_pixels,
                shift_frames=data.shift_frames,
            )

        return fit(
            bench.step,
            plan,
            batches=epoch_batches,
            on_progress=on_progress,
            should_stop=should_stop,
            start=start,
            after_epoch=after_epoch,
        )
