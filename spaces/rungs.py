"""The epochs at which a training is looked at, to decide whether it goes on."""

import math
from typing import Literal, TypeAlias

from spaces.errors import SpecError

RungOrder: TypeAlias = Literal["hypervolume", "epsilon_net"]

_ROUNDING = 1e-9  # keeps 0.1 * 30 from being rounded up past 3


def rung_epochs(epochs: int, *, eta: int, first_fraction: float) -> tuple[int, ...]:
    """Return the rungs of a training, r_0 * eta^k epochs, ascending; r_0 is the first epoch that is late enough.

    Geometric rungs are those of successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter
    Tuning", https://arxiv.org/abs/1810.05934).

    Args:
        epochs: the full length; no rung reaches it, because there is nothing left to save.
        eta: ratio of neighbouring rungs, >= 2.
        first_fraction: the first rung is not before this part of the epochs, in (0, 1).

    Returns:
        Epochs that are done at each rung; empty where the training is too short for any.

    Raises:
        SpecError: eta or the fraction lies outside its range.
    """
    if eta < 2:
        raise SpecError(f"eta must be an integer >= 2, the ratio of neighbouring rungs; got {eta}.")
    if not 0 < first_fraction < 1:
        raise SpecError(f"first_fraction must lie in (0, 1), a part of the epochs; got {first_fraction}.")
    rungs = []
    rung = max(1, math.ceil(first_fraction * epochs - _ROUNDING))
    while rung < epochs:
        rungs.append(rung)
        rung *= eta
    return tuple(rungs)
