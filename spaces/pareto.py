"""Dominance, non-dominated ranks, hypervolume, the knee and two orders of a front, for points to be minimized.

All functions take losses: every column is minimized (`spaces.objectives.losses` makes them). Equal points do not
dominate each other, so ties stay.
"""

from heapq import heapify, heappop, heapreplace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaces.errors import SearchError

Losses: TypeAlias = NDArray[np.float64]  # [n_points, n_objectives]


def dominates(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Return whether `first` is nowhere worse and somewhere better than `second`."""
    return bool(np.all(first <= second) and np.any(first < second))


def non_dominated_mask(points: Losses) -> NDArray[np.bool_]:
    """Return which points no other point dominates: [n_points]."""
    is_front: NDArray[np.bool_] = non_dominated_ranks(points, n_ranks=1) == 0
    return is_front


def non_dominated_ranks(points: Losses, *, n_ranks: int | None = None) -> NDArray[np.int64]:
    """Return each point's rank: 0 for the front, 1 for the front without rank 0, and so on (Deb et al. 2002).

    Args:
        points: losses.  # [n_points, n_objectives]
        n_ranks: stop after so many ranks; the points left over share the next rank.

    Returns:
        Ranks.  # [n_points]
    """
    n_points = len(points)
    ranks = np.zeros(n_points, dtype=np.int64)
    remaining = np.lexsort(points.T[::-1]) if n_points else np.zeros(0, dtype=np.int64)
    rank = 0
    while remaining.size and (n_ranks is None or rank < n_ranks):
        is_front = _front_of_sorted(points[remaining])
        ranks[remaining[is_front]] = rank
        remaining = remaining[~is_front]
        rank += 1
    ranks[remaining] = rank
    return ranks


def _front_of_sorted(points: Losses) -> NDArray[np.bool_]:
    """Return the front of lexicographically sorted points: only an earlier point can dominate a later one.

    So the first point is on the front; without those that it dominates the next one is, and so on.
    """
    is_front = np.zeros(len(points), dtype=bool)
    left = np.arange(len(points))
    while left.size:
        first, left = left[0], left[1:]
        is_front[first] = True
        later = points[left]
        dominated = (points[first] <= later).all(axis=1) & (points[first] < later).any(axis=1)
        left = left[~dominated]
    return is_front


def hypervolume(points: Losses, reference_point: NDArray[np.float64]) -> float:
    """Return the volume that the points dominate within the reference point; exact.

    Two objectives are one sweep; three or more slice along the last axis and keep the front of each slice
    (While et al. 2006, "A faster algorithm for calculating hypervolume"), which is fit for fronts of some hundred
    points.

    Args:
        points: losses; points that do not beat the reference everywhere add nothing.  # [n_points, n_objectives]
        reference_point: the worst corner.  # [n_objectives]

    Raises:
        SearchError: the numbers of objectives differ or a value is not finite.
    """
    if points.ndim != 2 or points.shape[1:] != reference_point.shape:
        raise SearchError(
            f"points must have shape [n, {reference_point.size}] like the reference point; got {points.shape}."
        )
    if not (np.isfinite(points).all() and np.isfinite(reference_point).all()):
        raise SearchError("hypervolume needs finite points and a finite reference point.")
    inside = points[np.all(points < reference_point, axis=1)]
    if not len(inside):
        return 0.0
    return _hypervolume_inside(np.unique(inside[non_dominated_mask(inside)], axis=0), reference_point)


def _hypervolume_inside(front: Losses, reference_point: NDArray[np.float64]) -> float:
    if front.shape[1] == 1:
        return float(reference_point[0] - front[:, 0].min())
    if front.shape[1] == 2:
        return _hypervolume_2d(front, reference_point)
    front = front[np.argsort(front[:, -1], kind="stable")]
    thicknesses = np.append(front[1:, -1], reference_point[-1]) - front[:, -1]
    section = np.empty((0, front.shape[1] - 1))
    area = total = 0.0
    for point, thickness in zip(front[:, :-1], thicknesses, strict=True):
        if not np.any(np.all(section <= point, axis=1)):
            section = np.vstack((section[~np.all(point <= section, axis=1)], point))
            area = _hypervolume_inside(section, reference_point[:-1])
        total += float(thickness) * area
    return total


def _hypervolume_2d(front: Losses, reference_point: NDArray[np.float64]) -> float:
    front = front[np.lexsort((front[:, 1], front[:, 0]))]
    best = np.minimum.accumulate(front[:, 1])
    widths = np.append(front[1:, 0], reference_point[0]) - front[:, 0]
    return float(np.sum(widths * (reference_point[1] - best)))


def knee(front: Losses, reference_point: NDArray[np.float64]) -> int:
    """Return the index of the balanced point: the one that alone dominates the largest volume.

    With the reference point as the point of disagreement this is the Nash bargaining solution (Nash 1950) of the
    objectives; it does not change when an objective is given in another unit. Where no point beats the reference
    everywhere, gains below zero count as zero and the sum of the scaled gains decides.

    Raises:
        SearchError: the front is empty.
    """
    if not len(front):
        raise SearchError("an empty front has no knee.")
    scaled = _scaled_gains(front, reference_point)
    volumes = np.prod(scaled, axis=1)
    if volumes.max() > 0:
        return int(np.argmax(volumes))
    return int(np.argmax(scaled.sum(axis=1)))


def _scaled_gains(points: Losses, reference_point: NDArray[np.float64]) -> Losses:
    """Return how far points beat the reference, at least 0, as a part of the largest such gain per objective."""
    gains = np.maximum(reference_point - points, 0.0)
    scaled: Losses = gains / np.maximum(gains.max(axis=0), np.finfo(np.float64).tiny)
    return scaled


def exclusive_volume(point: NDArray[np.float64], others: Losses, reference_point: NDArray[np.float64]) -> float:
    """Return the volume within the reference point that `point` dominates and none of `others` does.

    What the others dominate of the point's box is dominated by their componentwise maxima with the point (While,
    Bradstreet and Barone 2012, "A fast way of calculating exact hypervolumes").
    """
    shared = hypervolume(np.maximum(others, point), reference_point)
    return max(0.0, hypervolume(point[np.newaxis], reference_point) - shared)


def contribution_order(front: Losses, reference_point: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of mutually non-dominated points by what they add to the hypervolume, best first.

    The point with the least exclusive volume becomes the last one and is taken away, then the next (Beume, Naujoks
    and Emmerich 2007, "SMS-EMOA"). Exclusive volumes of the whole front would put two nearly equal good points both
    behind every poor one, because each is hidden by the other. Equal volumes, such as the zeros of points that do not
    beat the reference everywhere, are ordered by the sum of the gains scaled as in `knee`, then by index.

    Args:
        front: losses.  # [n_points, n_objectives]
        reference_point: the worst corner.  # [n_objectives]

    Returns:
        A permutation.  # [n_points]
    """
    if len(front) < 2:  # nothing to order, which is so for most of the ranks of a rung
        return np.zeros(len(front), dtype=np.int64)
    balance = _scaled_gains(front, reference_point).sum(axis=1)
    remaining = np.ones(len(front), dtype=bool)

    def key(index: int) -> tuple[float, float, int]:
        others = remaining.copy()
        others[index] = False
        return exclusive_volume(front[index], front[others], reference_point), float(balance[index]), -index

    # A volume only grows when another point goes, so an old key is a lower bound: the first to stand anew is the least.
    keys = [key(index) for index in range(len(front))]
    heapify(keys)
    worst_first: list[int] = []
    while keys:
        index = -keys[0][2]
        fresh = key(index)
        heapreplace(keys, fresh)
        if keys[0] == fresh:
            heappop(keys)
            worst_first.append(index)
            remaining[index] = False
    return np.array(worst_first[::-1], dtype=np.int64)


def epsilon_net_order(front: Losses, reference_point: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of mutually non-dominated points so that the first k cover the front, for every k.

    The knee is first; each next point is the one farthest from those before it, in objectives scaled to their range on
    the front (Schmucker et al. 2021, "Multi-objective Asynchronous Successive Halving",
    https://arxiv.org/abs/2106.12639). Of equally far points the one with the smaller index comes first.

    Args:
        front: losses.  # [n_points, n_objectives]
        reference_point: for the knee.  # [n_objectives]

    Returns:
        A permutation.  # [n_points]
    """
    if not len(front):
        return np.zeros(0, dtype=np.int64)
    spans = np.ptp(front, axis=0)
    scaled = front / np.where(spans > 0, spans, 1.0)
    order = [knee(front, reference_point)]
    distances = np.full(len(front), np.inf)
    while len(order) < len(front):
        distances = np.minimum(distances, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
        distances[order] = -1.0
        order.append(int(np.argmax(distances)))
    return np.array(order, dtype=np.int64)
