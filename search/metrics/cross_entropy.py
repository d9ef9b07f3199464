"""Mean cross-entropy of logits."""

import numpy as np
from numpy.typing import NDArray


def cross_entropy(logits: NDArray[np.floating], y: NDArray[np.int64]) -> float:
    """Return the mean over examples of log(sum_k exp z_k) - z_y, in nats.

    Args:
        logits: z.  # [n, n_classes]
        y: class numbers.  # [n]
    """
    wide = logits.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(len(y)), y]).mean())
