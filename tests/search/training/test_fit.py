"""Training: it learns, it stops when asked, and it says why it failed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.models.network import Mode, Network
from search.models.topology import GlobalAveragePool, Topology
from search.models.topology_builder import TopologyBuilder
from search.runtime import tf
from search.training.checkpoint import EpochRecord, FitCheckpoint, FitState
from search.training.fit import Batch, FitPlan, FitProgress, StopRequestedError, fit
from search.training.step import StepKind, StepSettings, TrainingStep, cosine_learning_rate, ramp
from spaces.errors import ArtifactError, TrialError
from tests.search.models.builders import make_integer_bits, uniform_candidate

BATCHES, SIZE = 4, 16


def build_topology() -> Topology:
    builder = TopologyBuilder("tiny", (4, 4, 1))
    x = builder.norm_relu(builder.conv(builder.input, "conv", filters=4, kernel_size=(3, 3)))
    x = builder.add(GlobalAveragePool(name="pool", inputs=(x,)))
    builder.dense(x, "dense", units=2)
    return builder.build()


def examples() -> Batch:
    """Return bright and dark images: 64 of them, told apart by their mean."""
    rng = np.random.default_rng(0)
    y = np.arange(BATCHES * SIZE) % 2
    x = rng.random((len(y), 4, 4, 1)) * 0.5 + 0.5 * y[:, None, None, None]
    return x.astype(np.float32), y.astype(np.int64)


def batches(epoch: int) -> Iterable[Batch]:
    x, y = examples()
    order = np.random.default_rng([7, epoch]).permutation(len(y))
    for rows in order.reshape(BATCHES, SIZE):
        yield x[rows], y[rows]


class Bench:
    """One network with its compiled steps, used by many trainings as the service does."""

    def __init__(self) -> None:
        self.network = Network(build_topology())
        candidate = uniform_candidate(self.network.topology, weight_bits=4, activation_bits=4)
        self.network.load_policies(candidate, make_integer_bits(self.network.topology))
        settings = StepSettings(weight_decay=1e-4, jacobian_examples=8, input_range=(0.0, 1.0))
        self.step = TrainingStep(self.network, settings)
        self.progress: list[FitProgress] = []

    def train(
        self,
        *,
        seed: int = 1,
        should_stop: Any = lambda: False,
        data: Any = batches,
        checkpoint: FitCheckpoint | None = None,
        **changes: Any,
    ) -> Any:
        self.network.initialize(seed)
        self.progress.clear()
        kept: dict[str, Any] = {}
        if checkpoint is not None:
            kept = {"start": checkpoint.load(), "after_epoch": lambda _, read_state: checkpoint.save(read_state())}
        return fit(
            self.step,
            build_plan(seed=seed, **changes),
            batches=data,
            on_progress=self.progress.append,
            should_stop=should_stop,
            **kept,
        )


def build_plan(**changes: Any) -> FitPlan:
    fields: dict[str, Any] = {
        "quantized": False,
        "epochs": 10,
        "batches_per_epoch": BATCHES,
        "learning_rate": 0.05,
        "seed": 1,
        "n_classes": 2,
    }
    return FitPlan(**{**fields, **changes})


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("quantized", [False, True])
def test_training_learns_a_separable_problem(bench: Bench, quantized: bool) -> None:
    records = bench.train(quantized=quantized)
    assert [record.epoch for record in records] == list(range(1, 11))
    assert records[-1].cross_entropy < 0.5 * records[0].cross_entropy
    x, y = examples()
    kernels = bench.network.quantized_kernels() if quantized else bench.network.float_kernels()
    logits = bench.network.forward(tf.constant(x), kernels=kernels, mode=Mode.TRAIN, quantized=quantized).logits
    assert (logits.numpy().argmax(axis=1) == y).mean() > 0.95
    assert all(record.jacobian_term == 0 for record in records)


def test_progress_counts_every_batch_from_one(bench: Bench) -> None:
    bench.train(epochs=2)
    assert [(p.epoch, p.batch) for p in bench.progress] == [(e, b) for e in (1, 2) for b in (1, 2, 3, 4)]
    assert {(p.epochs, p.batches) for p in bench.progress} == {(2, BATCHES)}


def test_nan_learning_rate_fails_with_the_reason(bench: Bench) -> None:
    with pytest.raises(TrialError, match=r"loss is not finite at epoch 1, batch 2.*lower the learning rate"):
        bench.train(learning_rate=float("nan"))


def test_infinite_input_fails_at_its_batch(bench: Bench) -> None:
    def damaged(epoch: int) -> Iterable[Batch]:
        for index, (x, y) in enumerate(batches(epoch)):
            yield (np.where(index == 2, np.inf, x).astype(np.float32), y)

    with pytest.raises(TrialError, match="epoch 1, batch 3"):
        bench.train(data=damaged)


def test_a_loss_that_stays_at_a_guess_fails_and_names_it(bench: Bench) -> None:
    def shuffled_labels(epoch: int) -> Iterable[Batch]:
        for x, _ in batches(epoch):
            yield np.zeros_like(x), np.arange(SIZE) % 2

    with pytest.raises(TrialError, match=r"stalled: cross-entropy .* guess among 2 classes gives 0\.693"):
        bench.train(data=shuffled_labels, learning_rate=1e-3, epochs=2)


def test_a_stop_is_obeyed_after_the_batch(bench: Bench) -> None:
    answers = iter([False, False, True])
    with pytest.raises(StopRequestedError):
        bench.train(should_stop=lambda: next(answers))
    assert len(bench.progress) == 3


def test_a_stopped_training_goes_on_from_its_last_epoch_to_the_same_weights(bench: Bench, tmp_path: Path) -> None:
    whole = bench.train(epochs=4, quantized=True, jacobian_weights={"conv": 1e-3})
    expected = bench.network.weights()
    checkpoint = FitCheckpoint(tmp_path / "unfinished" / "parent.npz")
    answers = iter([False] * (2 * BATCHES + 1) + [True])  # in the third epoch
    plan: dict[str, Any] = {"epochs": 4, "quantized": True, "jacobian_weights": {"conv": 1e-3}}
    with pytest.raises(StopRequestedError):
        bench.train(checkpoint=checkpoint, should_stop=lambda: next(answers), **plan)
    bench.train(epochs=1)  # another training in between
    resumed = bench.train(checkpoint=checkpoint, **plan)
    assert [(p.epoch, p.batch) for p in bench.progress] == [(e, b) for e in (3, 4) for b in (1, 2, 3, 4)]
    assert [record.cross_entropy for record in resumed] == [record.cross_entropy for record in whole]
    for name, values in bench.network.weights().items():
        np.testing.assert_array_equal(values, expected[name])
    checkpoint.clear()
    assert checkpoint.load() is None


@pytest.mark.parametrize("cut", [10, -10])
def test_a_damaged_checkpoint_is_told_and_the_training_starts_anew(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture, cut: int
) -> None:
    path = tmp_path / "parent.npz"
    bench.train(epochs=1, checkpoint=FitCheckpoint(path))
    path.write_bytes(path.read_bytes()[:cut])
    assert FitCheckpoint(path).load() is None
    assert "checkpoint parent.npz is damaged" in caplog.text


def test_state_of_a_training_reads_back_and_betrays_every_change() -> None:
    weights = {"conv/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}
    record = EpochRecord(epoch=1, cross_entropy=0.5, jacobian_term=0.25, elapsed_s=1.5)
    content = FitState(records=(record,), weights=weights, optimizer=(np.array(3), np.ones(2))).to_bytes()
    state = FitState.from_bytes(content)
    assert state.records == (record,)
    np.testing.assert_array_equal(state.weights["conv/kernel"], weights["conv/kernel"])
    assert [values.tolist() for values in state.optimizer] == [3, [1.0, 1.0]]
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    for damaged in (content[:-1], bytes(changed), content[70:], b""):
        with pytest.raises(ArtifactError, match="damaged"):
            FitState.from_bytes(damaged)


def test_what_the_hook_after_an_epoch_raises_ends_the_training(bench: Bench) -> None:
    bench.network.initialize(1)
    seen: list[int] = []

    def after_epoch(epochs: int, read_state: Any) -> None:
        seen.append(epochs)
        assert [record.epoch for record in read_state().records] == seen
        if epochs == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(
            bench.step,
            build_plan(epochs=4),
            batches=batches,
            on_progress=lambda _: None,
            should_stop=lambda: False,
            after_epoch=after_epoch,
        )
    assert seen == [1, 2]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="float"),
        pytest.param({"quantized": True, "jacobian_weights": {"conv": 1e-3, "dense": 1e-2}}, id="quantized-jacobian"),
        pytest.param({"adversarial_weight": 0.5, "adversarial_epsilon": 0.05}, id="adversarial"),
        pytest.param({"adversarial_weight": 1.0, "adversarial_epsilon": 0.05}, id="adversarial-only"),
    ],
)
def test_equal_seeds_give_bit_identical_weights(bench: Bench, changes: dict[str, Any]) -> None:
    first = bench.train(epochs=2, seed=3, **changes)
    weights = bench.network.weights()
    bench.train(epochs=4, seed=9)  # what came before must leave nothing in the optimizer
    again = bench.train(epochs=2, seed=3, **changes)
    for name, value in bench.network.weights().items():
        np.testing.assert_array_equal(value, weights[name], err_msg=name)
    assert [r.cross_entropy for r in first] == [r.cross_entropy for r in again]
    bench.train(epochs=2, seed=4, **changes)
    assert not np.array_equal(bench.network.weights()["conv/kernel"], weights["conv/kernel"])


class CountingStep:
    """Stands in for the compiled steps; the Jacobian term is the sum of the weights that it was given."""

    def __init__(self) -> None:
        self.taken: list[bool] = []
        self.weight = 0.0

    def reset(self, *, jacobian_weights: Any, **_: float) -> None:
        self.weight = sum(jacobian_weights.values())

    def run(self, kind: StepKind, *_: Any, **__: Any) -> Any:
        self.taken.append(kind.jacobian)
        return tf.constant([0.1, self.weight if kind.jacobian else 0.0])


def run_counting(every: int) -> tuple[CountingStep, tuple[EpochRecord, ...]]:
    step: Any = CountingStep()
    plan = build_plan(epochs=3, jacobian_every=every, jacobian_weights={"conv": 0.5, "dense": 0.25, "other": 0.0})
    return step, fit(step, plan, batches=batches, on_progress=lambda _: None, should_stop=lambda: False)


def test_jacobian_every_second_step_has_double_weight_and_the_same_mean() -> None:
    every_step, records = run_counting(1)
    assert every_step.taken == [True] * 12
    assert every_step.weight == 0.75
    every_second, sparse_records = run_counting(2)
    assert every_second.taken == [True, False] * 6
    assert every_second.weight == 1.5
    assert [r.jacobian_term for r in records] == pytest.approx([0.75] * 3)
    assert [r.jacobian_term for r in sparse_records] == pytest.approx([0.75] * 3)


def test_without_positive_weights_no_jacobian_is_taken() -> None:
    step: Any = CountingStep()
    plan = build_plan(epochs=1, jacobian_weights={"conv": 0.0})
    fit(step, plan, batches=batches, on_progress=lambda _: None, should_stop=lambda: False)
    assert not any(step.taken)


def test_learning_rate_schedule_by_hand() -> None:
    # 40 steps: 2 of warm-up, then 38 of a half cosine from 1 to 0.01.
    rates = [cosine_learning_rate(1.0, step=step, total=40) for step in (0, 1, 2, 21, 40)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.01 + 0.99 * 0.5, 0.01])
    assert cosine_learning_rate(0.2, step=0, total=3) == pytest.approx(0.2)
    falling = [cosine_learning_rate(1.0, step=step, total=40) for step in range(2, 40)]
    assert falling == sorted(falling, reverse=True)


def test_ramp_rises_to_one_and_stays_there_and_is_none_without_steps() -> None:
    assert [ramp(step=step, total=4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert ramp(step=0, total=0) == 1.0


def test_radius_grows_over_the_epochs_of_the_ramp(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    shares: list[float] = []
    run = TrainingStep.run

    def recording(self: TrainingStep, *arguments: Any, radius_share: float, **options: Any) -> Any:
        shares.append(radius_share)
        return run(self, *arguments, radius_share=radius_share, **options)

    monkeypatch.setattr(TrainingStep, "run", recording)
    adversarial = {"adversarial_weight": 1.0, "adversarial_epsilon": 0.2}
    bench.train(epochs=3, adversarial_ramp_epochs=2, **adversarial)
    assert shares == [*(step / 8 for step in range(1, 9)), *[1.0] * 4]
    shares.clear()
    bench.train(epochs=1, **adversarial)
    assert shares == [1.0] * 4


def test_share_of_the_radius_is_the_same_as_a_smaller_radius() -> None:
    bench = Bench()
    x, y = next(iter(batches(0)))
    kind = StepKind(quantized=False, jacobian=False, adversarial=True, clean=False)

    def loss_at(epsilon: float, *, share: float) -> float:
        bench.network.initialize(1)
        bench.step.reset(jacobian_weights={}, adversarial_weight=1.0, adversarial_epsilon=epsilon)
        return float(bench.step.run(kind, x, y, learning_rate=0.01, seed=(1, 2), radius_share=share)[0])

    assert loss_at(0.2, share=0.25) == pytest.approx(loss_at(0.05, share=1.0), rel=1e-5)
    assert loss_at(0.2, share=1.0) > loss_at(0.2, share=0.25)


def test_leaving_out_clean_examples_without_a_share_takes_the_same_step_at_less_cost() -> None:
    bench = Bench()
    x, y = next(iter(batches(0)))

    def step_of(*, clean: bool) -> tuple[float, Any]:
        bench.network.initialize(1)
        bench.step.reset(jacobian_weights={}, adversarial_weight=1.0, adversarial_epsilon=0.1)
        kind = StepKind(quantized=False, jacobian=False, adversarial=True, clean=clean)
        loss = bench.step.run(kind, x, y, learning_rate=0.01, seed=(1, 2))[0]
        return float(loss), bench.network.weights()["conv/kernel"]

    (on_clean, expected), (on_adversarial, kernel) = step_of(clean=True), step_of(clean=False)
    np.testing.assert_allclose(kernel, expected, atol=1e-5)
    assert on_adversarial > on_clean, "the reported loss is that of the adversarial examples"


@pytest.mark.parametrize("epsilon", [0.01, 0.4])
def test_adversarial_examples_stay_in_the_ball_and_the_range(monkeypatch: pytest.MonkeyPatch, epsilon: float) -> None:
    bench = Bench()
    bench.network.initialize(1)
    seen: list[NDArray[np.float32]] = []
    forward = Network.forward

    def recording(self: Network, x: Any, **options: Any) -> Any:
        seen.append(x.numpy())
        return forward(self, x, **options)

    monkeypatch.setattr(Network, "forward", recording)
    x, y = next(iter(batches(0)))
    x = np.where(x < 0.3, 0, x).astype(np.float32)  # some at the edge of the range
    bench.step.reset(jacobian_weights={}, adversarial_weight=0.5, adversarial_epsilon=epsilon)
    tf.config.run_functions_eagerly(True)
    try:
        kind = StepKind(quantized=False, jacobian=False, adversarial=True)
        bench.step.run(kind, x, y, learning_rate=0.01, seed=(1, 2))
    finally:
        tf.config.run_functions_eagerly(False)
    start, clean, attacked = seen
    np.testing.assert_array_equal(clean, x)
    for perturbed in (start, attacked):
        assert np.abs(perturbed - x).max() <= epsilon * (1 + 1e-5)
        assert perturbed.min() >= 0
        assert perturbed.max() <= 1
        assert np.abs(perturbed - x).max() > 0.9 * epsilon
    assert not np.array_equal(start, attacked)
    # A clip before the gradient would leave about three of four there unmoved, this leaves those whose way is down.
    at_edge = x == 0
    assert at_edge.any()
    assert np.mean(attacked[at_edge] > 0) > 0.3


def input_jacobian(network: Network) -> float:
    """Return E ||dz/dx||_F^2 over all examples."""
    x, _ = examples()
    forward = network.forward(
        tf.constant(x), kernels=network.float_kernels(), mode=Mode.TRAIN_JACOBIAN, quantized=False
    )
    total = 0.0
    for index in range(2):
        v = tf.constant(np.tile(np.eye(2, dtype=np.float32)[index], (len(x), 1)))
        rule = network.surrogate_rule(forward, quantized=False)
        product = network.pull_back(forward, v, n_examples=len(x), rule=rule)["input"].numpy()
        total += float((product**2).sum() / len(x))
    return total


def test_jacobian_training_lowers_the_input_jacobian(bench: Bench) -> None:
    bench.train()
    without = input_jacobian(bench.network)
    records = bench.train(jacobian_weights={"conv": 0.3})
    with_term = input_jacobian(bench.network)
    assert with_term < 0.5 * without
    assert records[-1].jacobian_term > 0
    sparse = bench.train(jacobian_weights={"conv": 0.3}, jacobian_every=2)
    assert input_jacobian(bench.network) < 0.7 * without
    assert sparse[-1].jacobian_term > 0


def test_reported_losses_are_those_of_the_batch_before_the_step() -> None:
    bench = Bench()
    bench.network.initialize(5)
    x, y = next(iter(batches(0)))
    forward = bench.network.forward(
        tf.constant(x), kernels=bench.network.float_kernels(), mode=Mode.TRAIN_JACOBIAN, quantized=False
    )
    log_softmax = forward.logits - tf.reduce_logsumexp(forward.logits, axis=1, keepdims=True)
    expected = -float(np.mean(log_softmax.numpy()[np.arange(SIZE), y]))
    bench.step.reset(jacobian_weights={"conv": 0.5, "dense": 0.0}, adversarial_weight=0, adversarial_epsilon=0)
    kind = StepKind(quantized=False, jacobian=True, adversarial=False)
    cross_entropy, penalty = bench.step.run(kind, x, y, learning_rate=0.01, seed=(1, 2)).numpy()
    assert cross_entropy == pytest.approx(expected, rel=1e-5)
    assert penalty > 0
