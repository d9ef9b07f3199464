"""From a candidate to its measurement: build, start from the parent, train, attack, count.

One workbench per topology holds everything that is traced once and used by every candidate of that topology.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from search.data.dataset import Dataset
from search.data.pipeline import batches
from search.data.splits import stratified_indices
from search.measuring import float_accuracy, measure, measure_at_rung
from search.metrics.cost import Cost, candidate_cost
from search.models.calibration import calibrate_integer_bits
from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.models.topologies import make_topology
from search.models.topology import Topology
from search.models.trained_model import TrainedModel
from search.parents import Parent, ParentSource
from search.training.checkpoint import EpochRecord, FitState
from search.training.fit import AfterEpoch, FitPlan, FitProgress, fit
from search.training.step import StepSettings, TrainingStep
from spaces.candidate import Candidate
from spaces.errors import ParentError, TrialError
from spaces.measurement import Measurement
from spaces.study_spec import StudySpec

_CALIBRATION_EXAMPLES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RungArrival:
    """A training that has come to a rung.

    Attributes:
        rung: 0 for the first.
        measurement: taken there; its `epochs` are those that are done.
        state: what the training can go on from.
        training_s: seconds since the training began here, measurements included.
    """

    rung: int
    measurement: Measurement
    state: FitState
    training_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How the outside follows a training.

    Attributes:
        on_parent: called with the topology's choices before a parent is trained.
        on_progress: called after every batch.
        should_stop: asked after every batch.
        at_rung: called at every rung of the study; what it raises ends the training.
    """

    on_parent: Callable[[Mapping[str, float]], None]
    on_progress: Callable[[FitProgress], None]
    should_stop: Callable[[], bool]
    at_rung: Callable[[RungArrival], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What became of a candidate: figures, and the model that shows them."""

    measurement: Measurement
    model: TrainedModel
    timings: Mapping[str, float]
    details: Mapping[str, Any]


@dataclass(slots=True)
class _Workbench:
    """What all candidates of one topology share."""

    topology: Topology
    network: Network
    step: TrainingStep
    classifier: NetworkClassifier
    parent: Parent | None = None
    integer_bits: dict[str, dict[int, int]] | None = None


class Evaluator:
    """Evaluates candidates of one study on one data set."""

    def __init__(self, spec: StudySpec, dataset: Dataset, parents: ParentSource) -> None:
        """Prepare; nothing is built before the first candidate."""
        self._spec = spec
        self._dataset = dataset
        self._parents = parents
        self._workbenches: dict[tuple[tuple[str, float], ...], _Workbench] = {}

    def cost(self, candidate: Candidate) -> Cost:
        """Return what the candidate costs on the device, by arithmetic."""
        return candidate_cost(self._topology(candidate.topology), candidate)

    def evaluate(self, candidate: Candidate, *, seed: int, watch: Watch, start: FitState | None = None) -> Evaluation:
        """Train the candidate and measure it.

        Args:
            candidate: what is trained.
            seed: of the trial.
            watch: follows the training.
            start: where an earlier training of the same candidate and seed stood; the result is the same as without.

        Raises:
            TrialError: the training failed or gave logits that are not finite.
            ParentError: the float parent could not be trained.
            ArtifactError: the float parent or its state could not be stored.
            StopRequestedError: the watch asked to stop.
        """
        # No global generator is seeded, because nothing here draws from one, and because tf.random.set_seed throws away
        # what TensorFlow has prepared of every compiled function: a second of work for a trial.
        bench = self._workbench(candidate.topology)
        timings = {}
        started = time.monotonic()
        self._start(bench, candidate, seed, watch)
        timings["start_s"] = time.monotonic() - started
        started = time.monotonic()
        curve = self._train(bench, candidate, seed, watch, start)
        timings["training_s"] = time.monotonic() - started
        started = time.monotonic()
        measurement = measure(
            bench.network,
            bench.classifier,
            dataset=self._dataset,
            spec=self._spec,
            cost=self.cost(candidate),
            seed=seed,
        )
        timings["measuring_s"] = time.monotonic() - started
        model = TrainedModel(
            topology_spec=self._spec.topology,
            topology=bench.topology,
            candidate=candidate,
            integer_bits=bench.integer_bits or {},
            weights=bench.network.weights(),
        )
        details: dict[str, Any] = {
            "curve": [asdict(record) for record in curve],
            "layers": [asdict(layer) for layer in self.cost(candidate).layers],
        }
        if bench.parent is not None:
            details["parent"] = {"source": bench.parent.source, "clean_accuracy": bench.parent.clean_accuracy}
        return Evaluation(measurement=measurement, model=model, timings=timings, details=details)

    def _topology(self, choices: Mapping[str, float]) -> Topology:
        return make_topology(
            self._spec.topology,
            input_shape=self._dataset.input_shape,
            n_classes=self._dataset.n_classes,
            choices=choices,
        )

    def _workbench(self, choices: Mapping[str, float]) -> _Workbench:
        key = tuple(choices.items())
        if key not in self._workbenches:
            topology = self._topology(choices)
            network = Network(topology)
            training = self._spec.training
            settings = StepSettings(
                weight_decay=training.weight_decay,
                jacobian_examples=max(1, round(training.jr_fraction * training.batch_size)),
                input_range=self._dataset.input_range,
            )
            self._workbenches[key] = _Workbench(
                topology=topology,
                network=network,
                step=TrainingStep(network, settings),
                classifier=NetworkClassifier(network, input_range=self._dataset.input_range),
            )
        return self._workbenches[key]

    def _start(self, bench: _Workbench, candidate: Candidate, seed: int, watch: Watch) -> None:
        """Give the network its first weights, ranges and bit widths."""
        train = self._dataset.train
        # Stratified, because a user's data may be sorted by class; the same examples for every trial of the study.
        rng = np.random.default_rng(self._spec.seed)
        calibration = train.inputs(stratified_indices(train.y, min(_CALIBRATION_EXAMPLES, len(train)), rng))
        if self._spec.training.start == "scratch":
            bench.network.initialize(seed)
            bench.integer_bits = calibrate_integer_bits(bench.network, calibration, mode=Mode.TRAIN)
        else:
            if bench.parent is None:
                bench.parent = self._parent(bench, candidate.topology, watch)
            bench.network.load_weights(bench.parent.weights)
            if bench.integer_bits is None:
                bench.integer_bits = calibrate_integer_bits(bench.network, calibration, mode=Mode.DEPLOYED)
        bench.network.load_policies(candidate, bench.integer_bits)

    def _parent(self, bench: _Workbench, choices: Mapping[str, float], watch: Watch) -> Parent:
        kept = self._parents.find(bench.topology, choices)
        if kept is not None:
            return kept
        watch.on_parent(choices)
        settings = self._spec.parent
        checkpoint = self._parents.checkpoint(choices)
        bench.network.initialize(self._spec.seed)
        plan = FitPlan(
            quantized=False,
            epochs=settings.epochs,
            batches_per_epoch=len(self._dataset.train) // settings.batch_size,
            learning_rate=settings.learning_rate,
            seed=self._spec.seed,
            n_classes=self._dataset.n_classes,
        )
        try:
            curve = self._fit(
                bench,
                plan,
                settings.batch_size,
                watch,
                start=checkpoint.load(),
                after_epoch=lambda _, read_state: checkpoint.save(read_state()),
            )
        except TrialError as error:
            raise ParentError(
                f"the float parent could not be trained: {error.reason}. Change [parent] in the study file, under "
                "another study name."
            ) from error
        parent = Parent(
            weights=bench.network.weights(),
            clean_accuracy=float_accuracy(bench.network, self._dataset.validation, self._dataset.input_range),
            source="trained here",
        )
        elapsed_s = sum(record.elapsed_s for record in curve)
        kept = self._parents.keep(choices, parent, {"epochs": settings.epochs, "training_s": elapsed_s})
        checkpoint.clear()
        return kept

    def _train(
        self, bench: _Workbench, candidate: Candidate, seed: int, watch: Watch, start: FitState | None
    ) -> tuple[EpochRecord, ...]:
        training = self._spec.training
        plan = FitPlan(
            quantized=True,
            epochs=training.epochs,
            batches_per_epoch=len(self._dataset.train) // training.batch_size,
            learning_rate=candidate.training["learning_rate"],
            seed=seed,
            n_classes=self._dataset.n_classes,
            jacobian_every=training.jr_every,
            jacobian_weights={name: policy.jr_weight for name, policy in candidate.policies.items()},
            adversarial_weight=candidate.training["adversarial_weight"],
            adversarial_epsilon=training.adversarial_epsilon or 0.0,
        )
        began = time.monotonic()
        rungs = {epochs: rung for rung, epochs in enumerate(self._spec.rungs())}

        def after_epoch(epochs: int, read_state: Callable[[], FitState]) -> None:
            if epochs not in rungs:
                return
            measurement = measure_at_rung(
                bench.classifier,
                dataset=self._dataset,
                spec=self._spec,
                cost=self.cost(candidate),
                seed=seed,
                epochs=epochs,
            )
            arrival = RungArrival(
                rung=rungs[epochs],
                measurement=measurement,
                state=read_state(),
                training_s=time.monotonic() - began,
            )
            watch.at_rung(arrival)

        return self._fit(bench, plan, training.batch_size, watch, start=start, after_epoch=after_epoch)

    def _fit(
        self,
        bench: _Workbench,
        plan: FitPlan,
        batch_size: int,
        watch: Watch,
        *,
        start: FitState | None,
        after_epoch: AfterEpoch,
    ) -> tuple[EpochRecord, ...]:
        data = self._spec.data

        def epoch_batches(epoch: int) -> Iterator[Any]:
            return batches(
                self._dataset.train,
                batch_size=batch_size,
                seed=plan.seed,
                epoch=epoch,
                flip=data.flip,
                shift_pixels=data.shift_pixels,
            )

        return fit(
            bench.step,
            plan,
            batches=epoch_batches,
            on_progress=watch.on_progress,
            should_stop=watch.should_stop,
            start=start,
            after_epoch=after_epoch,
        )
