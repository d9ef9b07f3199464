"""ART's black-box attacks: two that see the decision only, and ZOO, which sees logits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.attacks.art.toolbox import art_module, centered_estimator, estimator, seeded
from search.attacks.base import Classifier, Inputs, Labels, is_broken
from search.attacks.geometry import distances
from search.attacks.minimum_norm import MinimumNormAttack
from spaces.norms import Norm

_RANDOM_STARTS = 50  # candidates beside the other clean inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class HopSkipJump(MinimumNormAttack):
    """HopSkipJump (Chen, Jordan and Wainwright 2020): boundary steps along an estimated gradient, decisions only.

    Attributes:
        steps: along the boundary.
        first_queries, most_queries: for one gradient estimate, which grows with the square root of the step.
    """

    steps: int
    first_queries: int = 100
    most_queries: int = 5000

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "art-hopskipjump"

    def run(self, model: Classifier, x: Inputs, y: Labels, norm: Norm, *, rng: np.random.Generator) -> Inputs:
        """Return what ART found from the nearest wrong start."""
        attack = art_module("search.attacks.art.estimator").EndingHopSkipJump(
            estimator(model, x.shape[1:], model.logits(x[:1]).shape[1]),
            norm=np.inf if norm is Norm.LINF else 2,
            max_iter=self.steps,
            init_eval=self.first_queries,
            max_eval=self.most_queries,
            verbose=False,
        )
        return _from_starts(attack, model, x, y, norm, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary(MinimumNormAttack):
    """The boundary attack (Brendel, Rauber and Bethge 2018): a random walk along the boundary, decisions only.

    Attributes:
        steps: of the walk.
    """

    steps: int

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "art-boundary"

    def run(self, model: Classifier, x: Inputs, y: Labels, norm: Norm, *, rng: np.random.Generator) -> Inputs:
        """Return what ART found from the nearest wrong start."""
        attack = art_module().BoundaryAttack(
            estimator(model, x.shape[1:], model.logits(x[:1]).shape[1]),
            targeted=False,
            max_iter=self.steps,
            delta=0.1,
            epsilon=0.1,
            verbose=False,
        )
        return _from_starts(attack, model, x, y, norm, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZOO(MinimumNormAttack):
    """ZOO (Chen et al. 2017): the C&W objective with coordinate gradients from differences of logits.

    Attributes:
        steps: of the optimizer for each weight of the objective.
        searches: weights of the objective.
        difference: half-width of the finite difference; at least one step of the input, for a quantized network
            answers smaller ones with its plateau.
        step_size: of the optimizer.
    """

    steps: int
    searches: int
    difference: float
    step_size: float = 0.02

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "art-zoo"

    def run(self, model: Classifier, x: Inputs, y: Labels, norm: Norm, *, rng: np.random.Generator) -> Inputs:  # noqa: ARG002
        """Return what ART found."""
        low, high = model.input_range
        middle = np.float32((low + high) / 2)
        n_coordinates = int(np.prod(x.shape[1:]))
        attack = art_module("search.attacks.art.estimator").AdditiveZoo(
            centered_estimator(model, x.shape[1:], model.logits(x[:1]).shape[1]),
            max_iter=self.steps,
            binary_search_steps=self.searches,
            initial_const=10.0,
            learning_rate=self.step_size * (high - low),
            variable_h=self.difference,
            nb_parallel=min(128, n_coordinates),
            use_resize=False,
            use_importance=False,
            abort_early=False,
            batch_size=1,
            verbose=False,
        )
        with seeded(rng):
            found = attack.generate((x - middle).astype(np.float32), y)
        return np.asarray(found, np.float32) + middle


def _from_starts(attack: Any, model: Classifier, x: Inputs, y: Labels, norm: Norm, rng: np.random.Generator) -> Inputs:
    """Run a decision-based attack of ART from each example's nearest wrong start; ART's own starts are not seeded."""
    found = x.copy()
    starts, rows = _nearest_wrong(model, x, y, norm, rng)
    if rows.size:
        with seeded(rng):
            found[rows] = attack.generate(x[rows], y[rows], x_adv_init=starts[rows].copy())
    return found


def _nearest_wrong(
    model: Classifier, x: Inputs, y: Labels, norm: Norm, rng: np.random.Generator
) -> tuple[Inputs, NDArray[np.intp]]:
    """Return for each example the nearest input of another class, among the others and random ones, and who has one."""
    low, high = model.input_range
    drawn = rng.uniform(low, high, size=(_RANDOM_STARTS, *x.shape[1:])).astype(np.float32)
    candidates = np.concatenate([x, drawn])
    logits = model.logits(candidates)
    starts, has_one = x.copy(), np.zeros(len(x), bool)
    for row, label in enumerate(y):
        wrong = np.flatnonzero(is_broken(logits, np.full(len(candidates), label)))
        if wrong.size:
            center = np.broadcast_to(x[row], (wrong.size, *x.shape[1:]))
            starts[row] = candidates[wrong[np.argmin(distances(candidates[wrong], center, norm))]]
            has_one[row] = True
    return starts, np.flatnonzero(has_one)
