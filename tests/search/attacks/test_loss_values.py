import numpy as np
import pytest

from search.attacks.loss_values import loss_values
from search.attacks.losses import Loss
from search.models.loss_cotangents import loss_cotangent
from search.runtime import tf
from spaces.errors import SpecError

LOGITS = np.random.default_rng(0).normal(scale=3, size=(20, 6)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 6, size=20)
TARGETS = (LABELS + 2) % 6


def test_values_worked_out_by_hand() -> None:
    logits, label, target = np.array([[1.0, 4.0, 3.0, 0.0]], np.float32), np.array([0]), np.array([2])
    assert loss_values(logits, label, loss=Loss.MARGIN) == pytest.approx(3.0)
    assert loss_values(logits, label, loss=Loss.DLR) == pytest.approx(3 / (4 - 1))
    assert loss_values(logits, label, loss=Loss.TARGETED_DLR, targets=target) == pytest.approx(2 / (4 - 0.5))
    log_sum = np.log(np.exp([1.0, 4.0, 3.0, 0.0]).sum())
    assert loss_values(logits, label, loss=Loss.CROSS_ENTROPY) == pytest.approx(log_sum - 1.0)
    factor = 5 / (4 - 1)
    log_sum = np.log(np.exp(factor * np.array([1.0, 4.0, 3.0, 0.0])).sum())
    assert loss_values(logits, label, loss=Loss.SCALED_CROSS_ENTROPY) == pytest.approx(log_sum - factor)


@pytest.mark.parametrize("loss", [loss for loss in Loss if loss is not Loss.SCALED_CROSS_ENTROPY])
def test_compiled_gradients_are_those_of_the_values(loss: Loss) -> None:
    compiled = loss_cotangent(
        tf.constant(LOGITS), tf.constant(LABELS), targets=tf.constant(TARGETS), loss=tf.constant(int(loss))
    ).numpy()
    step = 0.01
    for column in range(LOGITS.shape[1]):
        moved = np.zeros_like(LOGITS)
        moved[:, column] = step
        up, down = (
            loss_values((LOGITS + sign * moved).astype(np.float32), LABELS, loss=loss, targets=TARGETS)
            for sign in (1, -1)
        )
        numeric = (up - down) / (2 * step)
        close = np.isclose(numeric, compiled[:, column], atol=2e-2, rtol=2e-2)
        assert close.mean() >= 0.9, "but for the kinks where two logits change places"


def test_targets_are_asked_for() -> None:
    with pytest.raises(SpecError, match="needs a target class"):
        loss_values(LOGITS, LABELS, loss=Loss.TARGETED_DLR)
