"""Training a network over epochs, with progress, a clean stop between batches, and failures that say why."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.training.checkpoint import EpochRecord, FitState
from search.training.step import StepKind, TrainingStep, cosine_learning_rate, ramp
from spaces.errors import TrialError

Batch = tuple[NDArray[np.float32], NDArray[np.int64]]
AfterEpoch = Callable[[int, Callable[[], FitState]], None]  # epochs that are done, and what reads the state there

_STALLED = 0.99  # of the cross-entropy of a guess


@dataclass(frozen=True, slots=True, kw_only=True)
class FitProgress:
    """Where a training stands after a batch; epochs and batches count from 1.

    Attributes:
        quantized: a candidate's training, or that of its float parent.
    """

    quantized: bool
    epoch: int
    epochs: int
    batch: int
    batches: int
    cross_entropy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPlan:
    """How one training goes.

    Attributes:
        quantized: quantization-aware, or the float parent.
        epochs: passes over the data.
        batches_per_epoch: steps of an epoch.
        learning_rate: at the top of its schedule.
        seed: of the order of the data and of every random direction.
        jacobian_every: the Jacobian term is taken every k-th step (its weights are multiplied by k).
        jacobian_weights: layer name -> lambda.
        adversarial_weight, adversarial_epsilon: share and radius of adversarial examples.
        adversarial_ramp_epochs: epochs in which that radius grows linearly from 0.
        n_classes: number of labels.
    """

    quantized: bool
    epochs: int
    batches_per_epoch: int
    learning_rate: float
    seed: int
    n_classes: int
    jacobian_every: int = 1
    jacobian_weights: Mapping[str, float] = field(default_factory=dict)
    adversarial_weight: float = 0.0
    adversarial_epsilon: float = 0.0
    adversarial_ramp_epochs: int = 0


class StopRequestedError(Exception):
    """Somebody asked to stop; the work so far is to be left as it is, for the next start."""


def fit(
    step: TrainingStep,
    plan: FitPlan,
    *,
    batches: Callable[[int], Iterable[Batch]],
    on_progress: Callable[[FitProgress], None],
    should_stop: Callable[[], bool],
    start: FitState | None = None,
    after_epoch: AfterEpoch = lambda _epochs, _read_state: None,
) -> tuple[EpochRecord, ...]:
    """Train and return one record per epoch, those before `start` included.

    Args:
        step: the compiled steps of the network that is trained in place.
        plan: how to train.
        batches: epoch (from 0) -> its batches.
        on_progress: called after every batch.
        should_stop: asked after every batch.
        start: where an earlier training of the same plan stood; this one goes on from there to the same weights.
        after_epoch: called after every epoch; what it raises ends the training.

    Raises:
        TrialError: the loss is not finite, or stays where a guess would be.
        StopRequestedError: `should_stop` said so.
    """
    positive = {layer: weight * plan.jacobian_every for layer, weight in plan.jacobian_weights.items() if weight > 0}
    step.reset(
        jacobian_weights=positive,
        adversarial_weight=plan.adversarial_weight,
        adversarial_epsilon=plan.adversarial_epsilon,
    )
    if start is not None:
        step.load_state(start.weights, start.optimizer)
    records = list(start.records) if start is not None else []

    def read_state() -> FitState:
        weights, optimizer = step.state()
        return FitState(records=tuple(records), weights=weights, optimizer=optimizer)

    for epoch in range(len(records), plan.epochs):
        started = time.monotonic()
        losses = _run_epoch(step, plan, epoch, batches(epoch), on_progress, should_stop)
        cross_entropy, penalty = losses.mean(axis=0)
        _check_not_stalled(float(losses[len(losses) // 2 :, 0].mean()), epoch=epoch, plan=plan)
        elapsed_s = time.monotonic() - started
        records.append(
            EpochRecord(
                epoch=epoch + 1,
                cross_entropy=float(cross_entropy),
                jacobian_term=float(penalty),
                elapsed_s=elapsed_s,
            )
        )
        after_epoch(epoch + 1, read_state)
    return tuple(records)


def _run_epoch(
    step: TrainingStep,
    plan: FitPlan,
    epoch: int,
    batches: Iterable[Batch],
    on_progress: Callable[[FitProgress], None],
    should_stop: Callable[[], bool],
) -> NDArray[np.float32]:
    """Do an epoch's steps and return their losses.  # [n_batches, 2]"""
    has_jacobian = any(weight > 0 for weight in plan.jacobian_weights.values())
    losses: list[NDArray[np.float32]] = []
    for index, (x, y) in enumerate(batches):
        number = epoch * plan.batches_per_epoch + index
        kind = StepKind(
            quantized=plan.quantized,
            jacobian=has_jacobian and number % plan.jacobian_every == 0,
            adversarial=plan.adversarial_weight > 0,
            clean=plan.adversarial_weight < 1,
        )
        rate = cosine_learning_rate(plan.learning_rate, step=number, total=plan.epochs * plan.batches_per_epoch)
        share = ramp(step=number, total=plan.adversarial_ramp_epochs * plan.batches_per_epoch)
        seed = plan.seed, number
        losses.append(step.run(kind, x, y, learning_rate=rate, radius_share=share, seed=seed).numpy())
        _check_finite(losses[-1], epoch=epoch, batch=index)
        on_progress(
            FitProgress(
                quantized=plan.quantized,
                epoch=epoch + 1,
                epochs=plan.epochs,
                batch=index + 1,
                batches=plan.batches_per_epoch,
                cross_entropy=float(losses[-1][0]),
            )
        )
        if should_stop():
            raise StopRequestedError
    return np.array(losses)


def _check_finite(losses: NDArray[Any], *, epoch: int, batch: int) -> None:
    if not np.isfinite(losses).all():
        raise TrialError(
            f"the loss is not finite at epoch {epoch + 1}, batch {batch + 1}: cross-entropy {losses[0]:.4g}, "
            f"Jacobian term {losses[1]:.4g}; lower the learning rate or the Jacobian weights"
        )


def _check_not_stalled(cross_entropy: float, *, epoch: int, plan: FitPlan) -> None:
    guess = math.log(plan.n_classes)
    if 2 * (epoch + 1) > plan.epochs and cross_entropy >= _STALLED * guess:
        raise TrialError(
            f"the loss stalled: cross-entropy {cross_entropy:.3f} late in epoch {epoch + 1} of {plan.epochs}, "
            f"a guess among {plan.n_classes} classes gives {guess:.3f}"
        )
