"""From a candidate to its measurement: build, start from the parent, train, attack, count.

One workbench per topology holds everything that is traced once and used by every candidate of that topology.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from search.data.dataset import Dataset
from search.inheritance import KeptModels, choose_start
from search.measuring import float_accuracy, measure, measure_at_rung
from search.metrics.cost import Cost, candidate_cost
from search.models.float_weights import load_float_weights
from search.models.logit_scale import scale_logits
from search.models.network import Mode
from search.models.trained_model import TrainedModel
from search.parent_file import parent_file
from search.parents import TRAINED_HERE, Parent, ParentSource, TrainedParent, file_source
from search.sensitivity import ExaminedParent, measure_sensitivity
from search.training.checkpoint import EpochRecord, FitCheckpoint, FitState
from search.training.fit import AfterEpoch, FitProgress
from search.training.plans import candidate_plan, parent_plan
from search.workbench import Workbench, Workbenches
from spaces.candidate import Candidate
from spaces.errors import ParentError, TrialError
from spaces.measurement import Measurement
from spaces.search_space import SearchSpace
from spaces.study_spec import StudySpec
from spaces.work_steps import OnSteps, unwatched

_START_EXAMPLES = 512  # on which two starts are compared


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
        on_measured: called at every step of a measurement: of a candidate, or of how a parent depends on its bits.
        should_stop: asked after every batch.
        at_rung: called at every rung of the study; what it raises ends the training.
        after_epoch: called after every epoch of the candidate, as `search.training.fit.fit` calls it.
    """

    on_parent: Callable[[Mapping[str, float]], None]
    on_progress: Callable[[FitProgress], None]
    should_stop: Callable[[], bool]
    on_measured: OnSteps = unwatched
    at_rung: Callable[[RungArrival], None] = lambda _: None
    after_epoch: AfterEpoch = lambda _epochs, _read_state: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What became of a candidate: figures, and the model that shows them."""

    measurement: Measurement
    model: TrainedModel
    timings: Mapping[str, float]
    details: Mapping[str, Any]


class Evaluator:
    """Evaluates candidates of one study on one data set."""

    def __init__(
        self, spec: StudySpec, dataset: Dataset, parents: ParentSource, kept: KeptModels | None = None
    ) -> None:
        """Prepare; nothing is built before the first candidate.

        Args:
            spec: of the study.
            dataset: its data.
            parents: where float parents are kept.
            kept: trained models that a candidate may start from instead of its parent; None for the parent always.
        """
        self._spec = spec
        self._dataset = dataset
        self._parents = parents
        self._kept = kept
        self._workbenches = Workbenches(spec, dataset)

    def cost(self, candidate: Candidate) -> Cost:
        """Return what the candidate costs on the device, by arithmetic."""
        return candidate_cost(self._workbenches.topology(candidate.topology), candidate)

    def parent(self, choices: Mapping[str, float], *, watch: Watch) -> Parent:
        """Return the float parent of a topology; train it where there is none.

        Args:
            choices: of the topology.
            watch: follows the parent's training.

        Raises:
            ParentError: it could not be trained.
            ArtifactError: it or its state could not be stored.
            StopRequestedError: the watch asked to stop.
        """
        return self._parent(self._workbenches.at(choices), choices, watch)

    def examine_parent(self, choices: Mapping[str, float], *, space: SearchSpace, watch: Watch) -> ExaminedParent:
        """Measure how the float parent of a topology depends on its bits and layers; train it where there is none.

        Args:
            choices: of the topology.
            space: the study's, whose parameters are measured.
            watch: follows the parent's training and measurement.

        Raises:
            SearchError: the parent gives no signal.
            ParentError: it could not be trained.
            ArtifactError: it or its state could not be stored.
            StopRequestedError: the watch asked to stop.
        """
        bench = self._workbenches.at(choices)
        parent, integer_bits = self._load_parent(bench, choices, watch)
        x, y = self._workbenches.calibration()
        base = space.baselines()[0] | {f"topology.{name}": value for name, value in choices.items()}
        sensitivity = measure_sensitivity(
            bench.network,
            bench.classifier,
            bench.norms,
            space,
            base=base,
            integer_bits=integer_bits,
            x=x,
            y=y,
            on_steps=watch.on_measured,
        )
        return ExaminedParent(parent=parent, sensitivity=sensitivity)

    def evaluate(self, candidate: Candidate, *, seed: int, watch: Watch, start: FitState | None = None) -> Evaluation:
        """Train the candidate and measure it.

        Args:
            candidate: what is trained.
            seed: of the trial.
            watch: follows the training.
            start: where an earlier training of the same candidate and seed stood; the result is the same as without,
                unless models are kept that it may inherit from: a training that begins anew may find other ones.

        Raises:
            TrialError: the training failed or gave logits that are not finite.
            ParentError: the float parent could not be trained.
            ArtifactError: the float parent or its state could not be stored.
            StopRequestedError: the watch asked to stop.
        """
        # No global generator is seeded, because nothing here draws from one, and because tf.random.set_seed throws away
        # what TensorFlow has prepared of every compiled function: a second of work for a trial.
        bench = self._workbenches.at(candidate.topology)
        timings = {}
        started = time.monotonic()
        beginning = self._start(bench, candidate, seed, watch, start)
        timings["start_s"] = time.monotonic() - started
        started = time.monotonic()
        curve = self._train(bench, candidate, seed, watch, start)
        self._workbenches.renew_norms(bench)
        weights = scale_logits(bench.network.weights(), bench.topology, factor=self._spec.training.logit_scale)
        bench.network.load_weights(weights)
        timings["training_s"] = time.monotonic() - started
        started = time.monotonic()
        measurement = measure(
            bench.network,
            bench.classifier,
            dataset=self._dataset,
            spec=self._spec,
            cost=self.cost(candidate),
            seed=seed,
            on_steps=watch.on_measured,
        )
        timings["measuring_s"] = time.monotonic() - started
        model = TrainedModel(
            topology_spec=self._spec.topology,
            topology=bench.topology,
            candidate=candidate,
            integer_bits=bench.integer_bits or {},
            weights=weights,
        )
        details: dict[str, Any] = {
            "curve": [asdict(record) for record in curve],
            "layers": [asdict(layer) for layer in self.cost(candidate).layers],
            **beginning,
        }
        if bench.parent is not None:
            details["parent"] = {"source": bench.parent.source, "clean_accuracy": bench.parent.clean_accuracy}
        return Evaluation(measurement=measurement, model=model, timings=timings, details=details)

    def _start(
        self, bench: Workbench, candidate: Candidate, seed: int, watch: Watch, resumed: FitState | None
    ) -> dict[str, Any]:
        """Give the network its first weights, ranges and bit widths; return what the details say of them."""
        network = bench.network
        if self._spec.training.start == "scratch":
            network.initialize(seed)
            bench.integer_bits = self._workbenches.calibrate(bench, mode=Mode.TRAIN)
            network.load_policies(candidate, bench.integer_bits)
            return {}
        parent, integer_bits = self._load_parent(bench, candidate.topology, watch)
        network.load_policies(candidate, integer_bits)
        if self._kept is None:
            return {}
        if resumed is not None:  # its weights come with it, wherever they began
            return {"start": {"taken": "checkpoint", "epochs": len(resumed.records)}}
        kept = self._kept.nearest(candidate)
        if kept is None:
            return {"start": {"taken": "parent"}}
        as_trained = scale_logits(kept.weights, bench.topology, factor=1 / self._spec.training.logit_scale)
        examples = self._workbenches.train_examples(_START_EXAMPLES)
        weights = {name: policy.jr_weight for name, policy in candidate.policies.items()}
        choice = choose_start(
            network,
            parent=parent.weights,
            kept=replace(kept, weights=as_trained),
            loss=lambda: bench.start_loss.of(examples, jacobian_weights=weights),
        )
        return {"start": choice.to_json()}

    def _load_parent(
        self, bench: Workbench, choices: Mapping[str, float], watch: Watch
    ) -> tuple[Parent, Mapping[str, Mapping[int, int]]]:
        """Put a topology's parent into its network, and return it with its ranges."""
        if bench.parent is None:
            bench.parent = self._parent(bench, choices, watch)
        bench.network.load_weights(bench.parent.weights)
        if bench.integer_bits is None:
            bench.integer_bits = self._workbenches.calibrate(bench, mode=Mode.DEPLOYED)
        return bench.parent, bench.integer_bits

    def _parent(self, bench: Workbench, choices: Mapping[str, float], watch: Watch) -> Parent:
        def train(checkpoint: FitCheckpoint, is_lost: Callable[[], bool]) -> TrainedParent:
            watch.on_parent(choices)
            ending = replace(watch, should_stop=lambda: is_lost() or watch.should_stop())
            return self._train_parent(bench, checkpoint, ending)

        return self._parents.obtain(bench.topology, choices, train)

    def _train_parent(self, bench: Workbench, checkpoint: FitCheckpoint, watch: Watch) -> TrainedParent:
        settings = self._spec.parent
        source = TRAINED_HERE
        bench.network.initialize(self._spec.seed)
        if settings.file is not None:
            path = parent_file(settings.file, self._dataset.data_dir)
            bench.network.load_weights(load_float_weights(path, bench.topology))
            source = f"{file_source(path)}, trained on here"
        plan = parent_plan(self._spec, self._dataset)
        try:
            curve = self._workbenches.fit(
                bench,
                plan,
                batch_size=settings.batch_size,
                on_progress=watch.on_progress,
                should_stop=watch.should_stop,
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
            source=source,
        )
        elapsed_s = sum(record.elapsed_s for record in curve)
        return TrainedParent(parent=parent, details={"epochs": settings.epochs, "training_s": elapsed_s})

    def _train(
        self, bench: Workbench, candidate: Candidate, seed: int, watch: Watch, start: FitState | None
    ) -> tuple[EpochRecord, ...]:
        plan = candidate_plan(self._spec, self._dataset, candidate, seed=seed)
        began = time.monotonic()
        rungs = {epochs: rung for rung, epochs in enumerate(self._spec.rungs())}

        def after_epoch(epochs: int, read_state: Callable[[], FitState]) -> None:
            watch.after_epoch(epochs, read_state)
            if epochs not in rungs:
                return
            self._workbenches.renew_norms(bench)
            measurement = measure_at_rung(
                bench.classifier,
                dataset=self._dataset,
                spec=self._spec,
                cost=self.cost(candidate),
                seed=seed,
                epochs=epochs,
                on_steps=watch.on_measured,
            )
            arrival = RungArrival(
                rung=rungs[epochs],
                measurement=measurement,
                state=read_state(),
                training_s=time.monotonic() - began,
            )
            watch.at_rung(arrival)

        return self._workbenches.fit(
            bench,
            plan,
            batch_size=self._spec.training.batch_size,
            on_progress=watch.on_progress,
            should_stop=watch.should_stop,
            start=start,
            after_epoch=after_epoch,
        )
