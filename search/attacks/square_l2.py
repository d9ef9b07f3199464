"""Square's moves in L2: a grid of bumps to begin with, then length that moves from window to window (Algorithm 3)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Inputs
from search.attacks.geometry import unit_length
from search.attacks.windows import fitting_side, random_windows

_TILES = 5  # along the shorter side of the image, as in the authors' code
_LEAST_SIDE = 3

_WITHIN_CHANNEL = (1, 2)


def tiles(x: Inputs, epsilon: float, rng: np.random.Generator) -> Inputs:
    """Return x moved by epsilon in the direction of a grid of bumps, each with its own orientation and signs."""
    n, height, width, channels = x.shape
    side = max(min(height, width) // _TILES, 1)
    rows, columns = height // side, width // side
    bumps = _bumps(side)[rng.integers(0, 2, size=(n, rows, columns))]  # [n, rows, columns, side, side]
    signs = _signs((n, rows, 1, columns, 1, channels), rng)
    grid = bumps.transpose(0, 1, 3, 2, 4)[..., None] * signs
    top, left = (height - rows * side) // 2, (width - columns * side) // 2
    delta = np.zeros_like(x)
    delta[:, top : top + rows * side, left : left + columns * side] = grid.reshape(
        n, rows * side, columns * side, channels
    )
    return x + np.float32(epsilon) * unit_length(delta)


def with_moved_length(current: Inputs, x: Inputs, *, side: int, epsilon: float, rng: np.random.Generator) -> Inputs:
    """Return each example with the length of two windows gathered in the first of them, in a new direction.

    That direction is the window's present one plus a bump with random orientation and signs, per channel. What the
    valid range has cut off the perturbation is put into the window too; the result lies at the radius.
    """
    n, _, _, channels = x.shape
    side = fitting_side(max(side, _LEAST_SIDE) | 1, x.shape)  # odd, as in the authors' code
    delta = current - x
    filled, emptied = random_windows(x.shape, side, rng), random_windows(x.shape, side, rng)
    spare = np.maximum(epsilon**2 - np.sum(delta**2, axis=(1, 2, 3), keepdims=True), 0)
    gathered = np.sum(delta[filled] ** 2, axis=_WITHIN_CHANNEL, keepdims=True)
    bumps = _bumps(side)[rng.integers(0, 2, size=n)][..., None] * _signs((n, 1, 1, channels), rng)
    direction = unit_length(bumps + unit_length(delta[filled], axes=_WITHIN_CHANNEL), axes=_WITHIN_CHANNEL)
    direction = np.where(direction.any(axis=_WITHIN_CHANNEL, keepdims=True), direction, bumps)  # a pixel's two cancel
    delta[filled] = 0  # first, so that what both windows share is gathered once
    gathered += np.sum(delta[emptied] ** 2, axis=_WITHIN_CHANNEL, keepdims=True)
    delta[emptied] = 0
    delta[filled] = direction * np.sqrt(gathered + spare / channels)
    return x + np.float32(epsilon) * unit_length(delta)


@cache
def _bumps(side: int) -> NDArray[np.float32]:
    """Return the window called eta in the paper, upright and transposed: a bump above a dip.  # [2, side, side]"""
    upper = side // 2
    upright = np.concatenate([_bump(upper, side), -_bump(side - upper, side)])
    return unit_length(np.stack([upright, upright.T]).astype(np.float32))


def _bump(height: int, width: int) -> NDArray[np.float64]:
    """Return nested rectangles around the middle, the k-th from within 1 / k^2 high, at length 1.  # [height, width]"""
    rows, columns = np.abs(np.arange(height) - height // 2), np.abs(np.arange(width) - width // 2)
    added = 1.0 / np.arange(max(height // 2, width // 2) + 1, 0, -1) ** 2  # outermost first
    bump: NDArray[np.float64] = np.cumsum(added)[::-1][np.maximum(rows[:, None], columns[None])]
    return bump / np.linalg.norm(bump)


def _signs(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    return (2 * rng.integers(0, 2, size=shape) - 1).astype(np.float32)
