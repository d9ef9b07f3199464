"""Attack after attack over a grid of radii; an example counts only while nothing has broken it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, project
from search.attacks.fgsm import FGSM
from search.attacks.geometry import random_perturbation
from search.attacks.losses import Backward, Loss
from search.attacks.pgd import PGD
from search.attacks.square import Square

SUITE_VERSION = 2  # of `search_suite`; raised when its figures change: a study has one, or its trials would not compare
SEARCH_QUERIES = 100

Survival = NDArray[np.bool_]  # [n_epsilons, n]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One attack of a suite.

    Attributes:
        attack: what is run.
        on_survivors: run only on what the stages before have left; else on everything that is classified right.
    """

    attack: Attack
    on_survivors: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    """What a suite found on one set of examples.

    Attributes:
        epsilons: the grid, ascending.
        is_right: whether the clean prediction is right.  # [n]
        survives: attack name -> whether the example is right and withstands that attack up to each radius; balls are
            nested, so what is broken at one radius is broken at all larger ones. A stage on survivors counts what it
            was not run on as the stages before left it.  # [n_epsilons, n]
        reached: attack name -> where its last radius ended.  # [n, ...]
    """

    epsilons: tuple[float, ...]
    is_right: NDArray[np.bool_]
    survives: Mapping[str, Survival]
    reached: Mapping[str, Inputs]

    @property
    def robust(self) -> Survival:
        """Whether the example withstands every attack up to each radius.  # [n_epsilons, n]"""
        withstands: Survival = np.logical_and.reduce(list(self.survives.values()))
        return withstands

    @property
    def worst_case(self) -> tuple[float, ...]:
        """Accuracy at each radius, per example under the worst of all attacks."""
        return accuracies(self.robust)

    @property
    def attack_accuracy(self) -> dict[str, tuple[float, ...]]:
        """Attack name -> accuracy at each radius under that attack."""
        return {name: accuracies(matrix) for name, matrix in self.survives.items()}

    @property
    def robust_accuracy(self) -> float:
        """Mean of the worst-case accuracy over the grid."""
        return float(np.mean(self.worst_case))


def search_suite(pgd_steps: int) -> tuple[Stage, ...]:
    """Return the suite of every trial: seconds, not minutes.

    FGSM and nested PGD on the margin; what survives both meets PGD on rescaled logits, what survives that the same
    through the float twin, and what survives that Square. So what the twin alone breaks is owed to its gradients.
    """
    scaled = PGD(steps=pgd_steps, loss=Loss.SCALED_CROSS_ENTROPY, label="pgd-scaled")
    twin = PGD(steps=pgd_steps, loss=Loss.SCALED_CROSS_ENTROPY, backward=Backward.FLOAT_TWIN, label="pgd-twin")
    return (
        Stage(attack=FGSM()),
        Stage(attack=PGD(steps=pgd_steps)),
        Stage(attack=scaled, on_survivors=True),
        Stage(attack=twin, on_survivors=True),
        Stage(attack=Square(query_budget=SEARCH_QUERIES), on_survivors=True),
    )


def accuracies(survives: Survival) -> tuple[float, ...]:
    """Return the fraction of examples that survive at each radius."""
    return tuple(float(row.mean()) for row in survives)


def run_suite(
    model: Classifier,
    x: Inputs,
    y: Labels,
    *,
    epsilons: Sequence[float],
    stages: Sequence[Stage],
    seed: int,
) -> SuiteResult:
    """Run every stage at every radius.

    Args:
        model: the model under attack.
        x: clean inputs.  # [n, ...]
        y: labels.  # [n]
        epsilons: L-inf radii in input units, ascending.
        stages: each goes on from radius to radius with what has survived it.
        seed: equal seeds draw equal random starts, whatever the model.
    """
    is_right = ~is_broken(model.logits(x), y)
    everything = np.tile(is_right, (len(epsilons), 1))
    survives: dict[str, Survival] = {}
    reached: dict[str, Inputs] = {}
    for index, stage in enumerate(stages):
        left = np.logical_and.reduce([everything, *survives.values()])
        name = stage.attack.name
        survives[name], reached[name] = _nested(
            stage.attack,
            model,
            x,
            y,
            allowed=left if stage.on_survivors else everything,
            epsilons=epsilons,
            rng=np.random.default_rng([seed, index]),
        )
    return SuiteResult(epsilons=tuple(epsilons), is_right=is_right, survives=survives, reached=reached)


def _nested(
    attack: Attack,
    model: Classifier,
    x: Inputs,
    y: Labels,
    *,
    allowed: Survival,
    epsilons: Sequence[float],
    rng: np.random.Generator,
) -> tuple[Survival, Inputs]:
    """Run one attack over ascending radii on what is allowed there and not yet broken by it."""
    alive = np.ones(len(x), dtype=bool)
    # Drawn for all examples, right or wrong: an example's start does not depend on the model.
    noise = random_perturbation(x.shape, ThreatModel(epsilon=epsilons[0]), rng)
    reached = project(x + noise, x, epsilon=epsilons[0], input_range=model.input_range)
    matrix = np.zeros((len(epsilons), len(x)), dtype=bool)
    for index, epsilon in enumerate(epsilons):
        rows = np.flatnonzero(alive & allowed[index])
        if rows.size:
            result = attack(model, x[rows], y[rows], ThreatModel(epsilon=epsilon), start=reached[rows], rng=rng)
            reached[rows] = result.x
            alive[rows] = ~result.is_broken
        matrix[index] = alive & allowed[index]
    return matrix, reached
