"""Square windows of images [n, height, width, channels]: their side, and random places for one per example."""

import math

import numpy as np
from numpy.typing import NDArray

Window = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]  # [n, 1, 1], [n, side, 1], [n, 1, side]


def covering_side(shape: tuple[int, ...], fraction: float) -> int:
    """Return the side of a square that covers a fraction of the height and width of inputs, at least 1."""
    height, width = shape[1:3]
    return max(round(math.sqrt(fraction * height * width)), 1)


def fitting_side(side: int, shape: tuple[int, ...]) -> int:
    """Return a side, or less where the window could not move up, down and sideways in inputs of that shape."""
    height, width = shape[1:3]
    return min(side, height - 1 or 1, width - 1 or 1)


def random_windows(shape: tuple[int, ...], side: int, rng: np.random.Generator) -> Window:
    """Return the indices of one window per example, each at its own random place."""
    n, height, width = shape[:3]
    tops, lefts = rng.integers(0, height - side + 1, size=n), rng.integers(0, width - side + 1, size=n)
    rows = (tops[:, None] + np.arange(side))[:, :, None]
    columns = (lefts[:, None] + np.arange(side))[:, None, :]
    return np.arange(n)[:, None, None], rows, columns
