"""Square's moves in L-inf: vertical stripes to begin with, then squares of +-epsilon."""

import numpy as np

from search.attacks.base import Inputs
from search.attacks.windows import fitting_side, random_windows


def stripes(x: Inputs, epsilon: float, rng: np.random.Generator) -> Inputs:
    """Return x with vertical stripes of +-epsilon, one pixel wide, per channel."""
    size = np.float32(epsilon)
    return x + rng.choice([-size, size], size=(len(x), 1, *x.shape[2:])).astype(np.float32)


def with_square(current: Inputs, x: Inputs, *, side: int, epsilon: float, rng: np.random.Generator) -> Inputs:
    """Return each example with one square, at its own random place, set to x +- epsilon per channel."""
    size = np.float32(epsilon)
    window = random_windows(x.shape, fitting_side(side, x.shape), rng)
    signs = rng.choice([-size, size], size=(len(x), 1, 1, x.shape[3])).astype(np.float32)
    changed = current.copy()
    changed[window] = x[window] + signs
    return changed
