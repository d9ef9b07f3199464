"""Attack after attack over a grid of radii; an example counts only while nothing has broken it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, project
from search.attacks.fgsm import FGSM
from search.attacks.geometry import random_perturbation
from search.attacks.local_search import LocalSearch
from search.attacks.losses import Backward, Loss
from search.attacks.nested_balls import Grid, ascend, descend
from search.attacks.pgd import PGD
from search.attacks.square import Square
from spaces.norms import Norm
from spaces.work_steps import OnSteps, WorkSteps, unwatched

SUITE_VERSION = 3  # of `search_suite`; raised when its figures change: a study has one, or its trials would not compare
SEARCH_QUERIES = 100
_LOCAL_QUERIES = 150  # of which 20 to 60 are spent on most examples

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

    FGSM and nested PGD on the margin; what survives both meets PGD on rescaled logits and a random search from where
    that ends, what survives them PGD through the float twin, and what survives that Square. So what the twin alone
    breaks is owed to its gradients, and what Square alone breaks to its beginning elsewhere.
    """
    scaled = PGD(steps=pgd_steps, loss=Loss.SCALED_CROSS_ENTROPY)
    local = LocalSearch(origin=scaled, query_budget=_LOCAL_QUERIES, drops_slow=True, label="pgd-local")
    twin = PGD(steps=pgd_steps, loss=Loss.SCALED_CROSS_ENTROPY, backward=Backward.FLOAT_TWIN, label="pgd-twin")
    return (
        Stage(attack=FGSM()),
        Stage(attack=PGD(steps=pgd_steps)),
        Stage(attack=local, on_survivors=True),
        Stage(attack=twin, on_survivors=True),
        Stage(attack=Square(query_budget=SEARCH_QUERIES, drops_slow=True), on_survivors=True),
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
    on_steps: OnSteps = unwatched,
) -> SuiteResult:
    """Run every stage at every radius.

    Args:
        model: the model under attack.
        x: clean inputs.  # [n, ...]
        y: labels.  # [n]
        epsilons: L-inf radii in input units, ascending.
        stages: one on everything goes up from radius to radius with what it has left, one on survivors goes down with
            what it has broken.
        seed: equal seeds draw equal random starts, whatever the model.
        on_steps: told of every stage.
    """
    is_right = ~is_broken(model.logits(x), y)
    everything = np.tile(is_right, (len(epsilons), 1))
    survives: dict[str, Survival] = {}
    reached: dict[str, Inputs] = {}
    for index, stage in enumerate(stages):
        on_steps(WorkSteps(what=stage.attack.name, noun="attacks", done=index, total=len(stages)))
        rng = np.random.default_rng([seed, index])
        # Drawn for all examples, right or wrong: an example's start does not depend on the model.
        noise = random_perturbation(x.shape, ThreatModel(epsilon=1.0), rng)
        grid = Grid(
            model=model,
            x=x,
            y=y,
            norm=Norm.LINF,
            epsilons=epsilons,
            standing=np.logical_and.reduce([everything, *survives.values()]) if stage.on_survivors else everything,
            starts=partial(_scaled_start, model, x, noise),
        )
        sweep = (descend if stage.on_survivors else ascend)(stage.attack, grid, rng=rng)
        survives[stage.attack.name] = grid.standing & ~sweep.broken
        reached[stage.attack.name] = sweep.reached
    return SuiteResult(epsilons=tuple(epsilons), is_right=is_right, survives=survives, reached=reached)


def _scaled_start(model: Classifier, x: Inputs, noise: Inputs, epsilon: float) -> Inputs:
    return project(x + np.float32(epsilon) * noise, x, epsilon=epsilon, input_range=model.input_range)
