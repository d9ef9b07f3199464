"""The values of the attack losses from logits, in NumPy; their gradients are compiled with the model."""

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Labels, margin
from search.attacks.losses import SCALED_SPREAD, Loss
from spaces.errors import SpecError

_TINY = 1e-12

Values = NDArray[np.float32]  # [n]


def loss_values(logits: NDArray[np.float32], y: Labels, *, loss: Loss, targets: Labels | None = None) -> Values:
    """Return each example's loss; the formulas stand at `Loss`.

    Args:
        logits: [n, n_classes].
        y: labels.  # [n]
        loss: which one.
        targets: for TARGETED_DLR.  # [n]

    Raises:
        SpecError: TARGETED_DLR without targets.
    """
    match loss:
        case Loss.MARGIN:
            return margin(logits, y)
        case Loss.CROSS_ENTROPY:
            return _cross_entropy(logits, y)
        case Loss.SCALED_CROSS_ENTROPY:
            return _cross_entropy(logits * (SCALED_SPREAD / _spread(logits))[:, None], y)
        case Loss.DLR:
            return margin(logits, y) / _spread(logits)
        case Loss.TARGETED_DLR:
            if targets is None:
                raise SpecError("TARGETED_DLR needs a target class for each example.")
            return _targeted_dlr(logits, y, targets)


def _cross_entropy(logits: NDArray[np.float32], y: Labels) -> Values:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    values = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]
    result: Values = values.astype(np.float32)
    return result


def _ranked(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    ranked: NDArray[np.float32] = np.sort(logits, axis=1)[:, ::-1]
    return ranked


def _spread(logits: NDArray[np.float32]) -> Values:
    ranked = _ranked(logits)
    spread: Values = ranked[:, 0] - ranked[:, min(2, logits.shape[1] - 1)] + np.float32(_TINY)
    return spread


def _targeted_dlr(logits: NDArray[np.float32], y: Labels, targets: Labels) -> Values:
    ranked, rows = _ranked(logits), np.arange(len(y))
    fourth = min(3, logits.shape[1] - 1)
    width = ranked[:, 0] - (ranked[:, min(2, fourth)] + ranked[:, fourth]) / 2
    values: Values = np.divide(logits[rows, targets] - logits[rows, y], width + _TINY, dtype=np.float32)
    return values
