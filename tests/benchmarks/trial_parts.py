"""The measurements of `tests.benchmarks.trial`, on ResNet-8 with batches of 128."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

from search.data.splits import split
from search.data.synthetic import synthetic_data
from search.evaluation import Evaluator, Watch
from search.models.calibration import calibrate_integer_bits
from search.models.network import Mode, Network
from search.models.topologies import TOPOLOGIES
from search.models.topology import Topology
from search.parents import Parent, TrainParent
from search.runtime import tf
from search.sampling import OptunaStudy, open_optuna_storage
from search.study_data import load_data
from search.training.fit import FitProgress, StopRequestedError
from search.training.jacobian import jacobian_term, unit_vectors
from search.training.step import StepKind, StepSettings, TrainingStep
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from spaces.search_space import SearchSpace
from spaces.spec_files import load_spec
from storage.sql import normalize_url
from tests.benchmarks.side_by_side import interleaved, median_ratio

BATCH = 128
_LAMBDA = 1e-4


def resnet8() -> Topology:
    return TOPOLOGIES["resnet8"](input_shape=(32, 32, 3), n_classes=10, width=1.0)


def candidate(topology: Topology, *, bits: int, jr_weight: float = 0.0) -> Candidate:
    policies = {
        slot.name: LayerPolicy(
            weight_bits=bits,
            activation_bits=bits if slot.has_activation else None,
            jr_weight=jr_weight if slot.has_jacobian_term else 0.0,
        )
        for slot in topology.slots
    }
    return Candidate(
        policies=policies, topology={"width": 1.0}, training={"learning_rate": 3e-3, "adversarial_weight": 0.0}
    )


def quantized_network(topology: Topology, x: np.ndarray[Any, np.dtype[np.float32]], *, bits: int = 4) -> Network:
    network = Network(topology)
    network.initialize(0)
    network.load_policies(candidate(topology, bits=bits), calibrate_integer_bits(network, x[:64], mode=Mode.TRAIN))
    return network


def step_ratios(*, rounds: int) -> dict[str, float]:
    """Time float, QAT, QAT with exact and with default Jacobian terms, and one product per layer."""
    rng = np.random.default_rng(0)
    x, y = rng.random((BATCH, 32, 32, 3), dtype=np.float32), rng.integers(0, 10, BATCH)
    topology = resnet8()
    network = quantized_network(topology, x)
    default = load_spec("cifar").training
    exact, cheap = (training_step(network, fraction) for fraction in (1.0, default.jr_fraction))
    naive = _NaiveStep(network)

    def stepper(step: TrainingStep, *, quantized: bool, jacobian: bool) -> Callable[[], object]:
        kind = StepKind(quantized=quantized, jacobian=jacobian, adversarial=False)
        return lambda: step.run(kind, x, y, learning_rate=1e-5, seed=(0, 0)).numpy()

    times = interleaved(
        {
            "float": stepper(exact, quantized=False, jacobian=False),
            "qat": stepper(exact, quantized=True, jacobian=False),
            "jr_exact": stepper(exact, quantized=True, jacobian=True),
            "jr_default": stepper(cheap, quantized=True, jacobian=True),
            "naive": lambda: naive.run(x, y),
        },
        rounds=rounds,
    )
    for name, seconds in times.items():
        print(f"step {name:<12} median {1e3 * np.median(seconds):8.1f} ms")
    return {
        "qat_over_float": median_ratio(times, "qat", "float"),
        "jr_exact_over_qat": median_ratio(times, "jr_exact", "qat"),
        "jr_default_over_qat": median_ratio(times, "jr_default", "qat"),
        "naive_over_jr_exact": median_ratio(times, "naive", "jr_exact"),
    }


def training_step(network: Network, fraction: float) -> TrainingStep:
    settings = StepSettings(weight_decay=1e-4, jacobian_examples=round(fraction * BATCH), input_range=(0.0, 1.0))
    step = TrainingStep(network, settings)
    owners = network.topology.tap_owner.values()
    step.reset(jacobian_weights=dict.fromkeys(owners, _LAMBDA), adversarial_weight=0.0, adversarial_epsilon=0.0)
    return step


class _NaiveStep:
    """The same training step with a backward sweep of its own for every layer, as one would write it first."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._optimizer = tf.keras.optimizers.legacy.Adam(1e-5)
        self._compiled = tf.function(self._run, autograph=False)

    def run(self, x: Any, y: Any) -> None:
        self._compiled(tf.constant(x), tf.constant(y)).numpy()

    def _run(self, x: Any, y: Any) -> Any:
        network = self._network
        with tf.GradientTape() as tape:
            forward = network.forward(x, kernels=network.quantized_kernels(), mode=Mode.TRAIN_JACOBIAN, quantized=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=forward.logits)
            total = tf.reduce_mean(losses)
            owners = list(network.topology.tap_owner.values())
            for index, owner in enumerate(owners):
                directions = unit_vectors(tf.constant([0, index]), n_examples=BATCH, n_classes=10)
                weights = {name: _LAMBDA if name == owner else 0.0 for name in owners}
                total += jacobian_term(network, forward, weights=weights, directions=directions, quantized=True)
        variables = network.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(total, variables), variables, strict=True))
        network.update_moving_statistics(forward.statistics)
        return total


class _FixedParent:
    """A parent source whose parent is there already, so that only trials are timed."""

    def obtain(self, topology: Topology, choices: Mapping[str, float], train: TrainParent) -> Parent:
        del choices, train
        network = Network(topology)
        network.initialize(0)
        return Parent(weights=network.weights(), clean_accuracy=0.1, source="benchmark")


def _evaluator(*, validation: int, attack: int, batch_size: int) -> Evaluator:
    overrides = {
        "training.epochs": 1,
        "training.batch_size": batch_size,
        "data.validation_examples": validation,
        "data.attack_examples": attack,
        "data.flip": True,
    }
    spec = load_spec("cifar", overrides=overrides)
    raw = synthetic_data(stands_for="cifar10", input_shape=(32, 32, 3), n_classes=10, validation_examples=validation)
    dataset = split(raw, validation_examples=validation, attack_examples=attack, seed=0)
    return Evaluator(spec, dataset, _FixedParent())


def second_trial_start() -> float:
    """Return the seconds from asking for a second candidate to the end of its first training step."""
    evaluator = _evaluator(validation=256, attack=32, batch_size=BATCH)
    topology = resnet8()
    spec = load_spec("cifar")
    space = SearchSpace(spec, topology.slots)
    seconds = []
    with TemporaryDirectory() as folder:
        study = OptunaStudy(
            open_optuna_storage(normalize_url(f"{folder}/studies.db")),
            spec.name,
            space=space,
            objectives=spec.objective_values(),
            sampler="tpe",
            seed=0,
        )
        for number in range(2):
            started = time.perf_counter()
            space.decode(study.ask().params)
            first: list[float] = []
            watch = Watch(
                on_parent=lambda _: None,
                on_progress=partial(_note_time, first),
                should_stop=lambda: True,
            )
            # Jacobian terms in both: trial 0 of a study has none, and its step is another trace.
            trained = candidate(topology, bits=8 - 2 * number, jr_weight=_LAMBDA)
            with suppress(StopRequestedError):
                evaluator.evaluate(trained, seed=number, watch=watch)
            seconds.append(first[0] - started)
    print(f"from ask to first step: first trial {seconds[0]:.2f} s, second {seconds[1]:.2f} s")
    return seconds[1]


def _note_time(times: list[float], _: FitProgress) -> None:
    times.append(time.perf_counter())


def memory_growth(*, n_trials: int) -> float:
    """Return resident memory after the last trial over that after the tenth: one evaluator, digits, no database."""
    overrides = {"training.epochs": 2, "training.batch_size": 32, "data.attack_examples": 32}
    spec = load_spec("digits", overrides=overrides)
    dataset = load_data(spec, data_dir=None, synthetic=False)
    evaluator = Evaluator(spec, dataset, _FixedParent())
    topology = TOPOLOGIES["digits_cnn"](input_shape=dataset.input_shape, n_classes=10, width=1.0)
    rng = np.random.default_rng(0)
    process = psutil.Process()
    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False)
    after_tenth = 0
    for number in range(n_trials):
        bits = int(rng.choice([4, 6, 8]))
        jr_weight = float(rng.choice([0.0, _LAMBDA]))
        evaluator.evaluate(candidate(topology, bits=bits, jr_weight=jr_weight), seed=number, watch=watch)
        if number == 9:
            after_tenth = process.memory_info().rss
    growth = process.memory_info().rss / after_tenth
    print(f"resident memory: {after_tenth / 2**20:.0f} MiB after trial 10, {growth:.3f} times that after {n_trials}")
    return growth
