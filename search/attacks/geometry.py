"""Lengths, random draws and steps of steepest ascent in the norms of a threat model."""

import math

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Inputs, ThreatModel, project, signed_step
from spaces.norms import Norm

_TINY = 1e-12
_STEP_FACTOR = 2.5  # so that every point of the ball can be reached


def distances(x: Inputs, center: Inputs, norm: Norm) -> NDArray[np.float32]:
    """Return how far each example lies from its center.  # [n]"""
    delta = (x.astype(np.float64) - center).reshape(len(x), math.prod(x.shape[1:]))
    lengths: NDArray[np.float64] = np.linalg.norm(delta, ord=np.inf if norm is Norm.LINF else 2, axis=1)
    return lengths.astype(np.float32)


def per_example(values: NDArray[np.float32], like: Inputs) -> NDArray[np.float32]:
    """Return one value per example with axes of length 1, so that it multiplies inputs.  # [n, 1, ...]"""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def unit_length(gradient: Inputs, *, axes: tuple[int, ...] | None = None) -> Inputs:
    """Return the gradient scaled to L2 length 1 along some axes, per example if none are given; zero stays zero."""
    axes = axes or tuple(range(1, gradient.ndim))
    # Scaled by the largest entry first: the squares of masked gradients (1e-30) would vanish.
    scaled = gradient / np.maximum(np.abs(gradient).max(axis=axes, keepdims=True), np.finfo(np.float32).tiny)
    length = np.sqrt(np.sum(scaled**2, axis=axes, keepdims=True, dtype=np.float64))
    unit: Inputs = (scaled / np.maximum(length, _TINY)).astype(np.float32)
    return unit


def ascent_step(x: Inputs, gradient: Inputs, *, size: float, norm: Norm) -> Inputs:
    """Return x moved by `size` in the direction of steepest ascent: the signs in L-inf, the unit gradient in L2."""
    if norm is Norm.LINF:
        return signed_step(x, gradient, size=size)
    return x + np.float32(size) * unit_length(gradient)


def step_size(epsilon: float, steps: int) -> float:
    """Return the length of each of the steps in a ball."""
    return _STEP_FACTOR * epsilon / steps


def random_perturbation(shape: tuple[int, ...], threat: ThreatModel, rng: np.random.Generator) -> Inputs:
    """Return a draw for each example: uniform in the L-inf cube, or in a uniform direction up to the L2 radius."""
    epsilon = threat.epsilon
    if threat.norm is Norm.LINF:
        return rng.uniform(-epsilon, epsilon, size=shape).astype(np.float32)
    directions = unit_length(rng.standard_normal(shape, dtype=np.float32))
    lengths = rng.uniform(0, epsilon, size=shape[0]).astype(np.float32)
    return directions * per_example(lengths, directions)


def starting_points(
    x: Inputs, start: Inputs, threat: ThreatModel, *, input_range: tuple[float, float], rng: np.random.Generator
) -> Inputs:
    """Return where an iterative attack begins: at `start`, or where that is x itself at a random point of the ball."""
    is_fresh = np.all(start == x, axis=tuple(range(1, x.ndim)), keepdims=True)
    begin: Inputs = np.where(is_fresh, x + random_perturbation(x.shape, threat, rng), start)
    return project(begin, x, epsilon=threat.epsilon, input_range=input_range, norm=threat.norm)
