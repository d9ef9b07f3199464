"""One attack over the nested balls of a grid of radii: upwards on everything, downwards on what other attacks left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel
from spaces.audit import Flags
from spaces.norms import Norm

OnProgress = Callable[[float], None]  # takes the finished fraction


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """What an attack is run on.

    Attributes:
        model: the model under attack.
        x: clean inputs.  # [n, ...]
        y: labels.  # [n]
        norm: of the balls.
        epsilons: radii in input units, ascending.
        standing: what the attack has to break at each radius; true at a radius, it is true at all smaller ones.
            # [n_epsilons, n]
        starts: radius -> where the attack begins on each example; x leaves it to the attack.
    """

    model: Classifier
    x: Inputs
    y: Labels
    norm: Norm
    epsilons: Sequence[float]
    standing: Flags
    starts: Callable[[float], Inputs]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """What became of it.

    Attributes:
        tried: where the attack was run; upwards all that stood, for what broke in a ball counts in larger ones too.
            # [n_epsilons, n]
        broken: where it succeeded, or succeeded in a smaller ball; only of what stood.  # [n_epsilons, n]
        reached: where each example's last run ended.  # [n, ...]
    """

    tried: Flags
    broken: Flags
    reached: Inputs


def ascend(attack: Attack, grid: Grid, *, rng: np.random.Generator, on_progress: OnProgress = lambda _: None) -> Sweep:
    """Run an attack over ascending radii on what it has not broken yet, each from where the last one ended."""
    alive, reached = np.ones(len(grid.x), bool), grid.starts(grid.epsilons[0]).copy()
    broken = np.zeros_like(grid.standing)
    for index in range(len(grid.epsilons)):
        rows = np.flatnonzero(alive & grid.standing[index])
        reached[rows], is_broken = _run(attack, grid, index, rows, reached[rows], rng)
        alive[rows] = ~is_broken
        broken[index] = grid.standing[index] & ~alive
        on_progress((index + 1) / len(grid.epsilons))
    return Sweep(tried=grid.standing, broken=broken, reached=reached)


def descend(attack: Attack, grid: Grid, *, rng: np.random.Generator, on_progress: OnProgress = lambda _: None) -> Sweep:
    """Run an attack over descending radii on each example from the largest at which it stands.

    An attack that fails in a ball is taken to fail in the smaller ones inside it: most examples cost one run, not one
    for each radius. One that succeeds begins anew in the next smaller ball: what it found, moved into that ball, lies
    in a corner, and PGD from there left 2 points more standing on a masked network than from a random start.
    """
    tried, broken = np.zeros_like(grid.standing), np.zeros_like(grid.standing)
    withstood, reached = np.zeros(len(grid.x), bool), grid.starts(grid.epsilons[0]).copy()
    for index in reversed(range(len(grid.epsilons))):
        tried[index] = grid.standing[index] & ~withstood
        rows = np.flatnonzero(tried[index])
        reached[rows], is_broken = _run(attack, grid, index, rows, grid.starts(grid.epsilons[index])[rows], rng)
        broken[index, rows], withstood[rows] = is_broken, ~is_broken
        on_progress(1 - index / len(grid.epsilons))
    return Sweep(tried=tried, broken=broken, reached=reached)


def _run(
    attack: Attack,
    grid: Grid,
    index: int,
    rows: np.ndarray[tuple[int], np.dtype[np.intp]],
    start: Inputs,
    rng: np.random.Generator,
) -> tuple[Inputs, Flags]:
    threat = ThreatModel(epsilon=grid.epsilons[index], norm=grid.norm)
    result = attack(grid.model, grid.x[rows], grid.y[rows], threat, start=start, rng=rng)
    return result.x, result.is_broken
