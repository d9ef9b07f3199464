"""Attack after attack over a grid of radii; an example counts only while nothing has broken it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, project, random_start


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """What a suite found on one set of examples.

    Attributes:
        epsilons: the grid, ascending.
        is_right: whether the clean prediction is right.  # [n]
        survives: attack name -> whether the example is right and withstands that attack up to each radius; balls are
            nested, so what is broken at one radius is broken at all larger ones.  # [n_epsilons, n]
    """

    epsilons: tuple[float, ...]
    is_right: NDArray[np.bool_]
    survives: Mapping[str, NDArray[np.bool_]]

    @property
    def worst_case(self) -> tuple[float, ...]:
        """Accuracy at each radius, per example under the worst of all attacks."""
        return _accuracies(np.logical_and.reduce(list(self.survives.values())))

    @property
    def attack_accuracy(self) -> dict[str, tuple[float, ...]]:
        """Attack name -> accuracy at each radius under that attack alone."""
        return {name: _accuracies(matrix) for name, matrix in self.survives.items()}

    @property
    def robust_accuracy(self) -> float:
        """Mean of the worst-case accuracy over the grid."""
        return float(np.mean(self.worst_case))


def _accuracies(survives: NDArray[np.bool_]) -> tuple[float, ...]:
    return tuple(float(row.mean()) for row in survives)


def run_suite(
    model: Classifier,
    x: Inputs,
    y: Labels,
    *,
    epsilons: Sequence[float],
    attacks: Sequence[Attack],
    seed: int,
) -> SuiteResult:
    """Run every attack at every radius.

    Args:
        model: the model under attack.
        x: clean inputs.  # [n, ...]
        y: labels.  # [n]
        epsilons: L-inf radii in input units, ascending.
        attacks: each starts from the clean inputs and goes on from radius to radius with what has survived it.
        seed: equal seeds draw equal random starts, whatever the model.
    """
    is_right = ~is_broken(model.logits(x), y)
    survives = {
        attack.name: _nested(attack, model, x, y, is_right, epsilons, np.random.default_rng([seed, index]))
        for index, attack in enumerate(attacks)
    }
    return SuiteResult(epsilons=tuple(epsilons), is_right=is_right, survives=survives)


def _nested(
    attack: Attack,
    model: Classifier,
    x: Inputs,
    y: Labels,
    is_right: NDArray[np.bool_],
    epsilons: Sequence[float],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Run one attack over ascending radii on what it has not broken yet.  # [n_epsilons, n]"""
    alive = is_right.copy()
    # Drawn for all examples, right or wrong: an example's start does not depend on the model.
    begin = random_start(x, epsilon=epsilons[0], rng=rng)
    reached = project(begin, x, epsilon=epsilons[0], input_range=model.input_range)
    matrix = np.zeros((len(epsilons), len(x)), dtype=bool)
    for index, epsilon in enumerate(epsilons):
        rows = np.flatnonzero(alive)
        if rows.size:
            result = attack(model, x[rows], y[rows], ThreatModel(epsilon=epsilon), start=reached[rows], rng=rng)
            reached[rows] = result.x
            alive[rows] = ~result.is_broken
        matrix[index] = alive
    return matrix
