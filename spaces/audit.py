"""What an audit found: per attack, radius and example whether it was tried and broken, and figures that follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaces.errors import SearchError
from spaces.norms import Norm
from spaces.statistics import SIGNIFICANCE, mcnemar_mid_p, wilson_interval

Flags: TypeAlias = NDArray[np.bool_]
Distances: TypeAlias = NDArray[np.float32]

# The attacks that see a model's answers only. Examples that are transferred from a model's own weights are no such.
BLACK_BOX_ATTACKS = ("square", "noise", "art-hopskipjump", "art-boundary", "art-zoo", "nes")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttackOutcome:
    """What one attack of an audit did to the audit's examples.

    Attributes:
        name: of the attack; with the norm it is unique in an audit.
        norm: in which the radii and distances are.
        epsilons: radii in input units, ascending.
        n_examples: examples that the attack's accuracy refers to: all of the audit, or the subset of a slow attack.
        tried: what it was run on at each radius: right when clean, in the subset, and for an attack on survivors not
            broken by the attacks before it, nor withstanding this one at a larger radius.  # [n_epsilons, n]
        broken: where it made the prediction wrong within each radius; only where tried.  # [n_epsilons, n]
        distances: of the nearest wrong prediction found, inf where none, NaN where not tried; only of attacks that
            look for it.  # [n]
        elapsed_s: seconds that it took.
        details: its settings.
    """

    name: str
    norm: Norm
    epsilons: tuple[float, ...]
    n_examples: int
    tried: Flags
    broken: Flags
    distances: Distances | None = None
    elapsed_s: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tried.shape != self.broken.shape or len(self.tried) != len(self.epsilons):
            raise SearchError(
                f"attack {self.name!r}: tried and broken must have one row for each of {len(self.epsilons)} epsilons; "
                f"got {self.tried.shape} and {self.broken.shape}."
            )

    @property
    def standing(self) -> Flags:
        """What there was to break at each radius: tried there, or at a larger one, in whose ball the smaller lies.

        Of an attack on survivors, what the attacks before it have left.  # [n_epsilons, n]
        """
        left: Flags = np.logical_or.accumulate(self.tried[::-1])[::-1]
        return left

    @property
    def kept(self) -> Flags:
        """What is right under this attack at each radius; of an attack on survivors, under those before it too.

        False outside the subset of a slow attack.  # [n_epsilons, n]
        """
        return self.standing & ~self.broken

    @property
    def accuracy(self) -> tuple[float, ...]:
        """Accuracy at each radius under this attack.

        For an attack on survivors, that of all attacks up to and with it: what was not standing was broken before.
        """
        return tuple(float(row.sum()) / self.n_examples for row in self.kept)

    @property
    def median_distance(self) -> float | None:
        """Median distance to a wrong prediction over the examples it was run on; None where it gives no distances."""
        if self.distances is None:
            return None
        measured = self.distances[~np.isnan(self.distances)]
        return float(np.median(measured)) if measured.size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanCount:
    """How many of so many clean examples a model classifies right."""

    n_right: int
    n_examples: int

    @property
    def accuracy(self) -> float:
        """The fraction that is right."""
        return self.n_right / self.n_examples

    @property
    def interval(self) -> tuple[float, float]:
        """95% Wilson interval of `accuracy`."""
        return wilson_interval(self.accuracy, self.n_examples)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """Accuracy per example under the worst of all attacks of one norm.

    Attributes:
        accuracy: at each radius.  # [n_epsilons]
        intervals: 95% Wilson intervals of `accuracy`.  # [n_epsilons][2]
    """

    norm: Norm
    epsilons: tuple[float, ...]
    accuracy: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> float:
        """Mean of `accuracy` over the radii."""
        return sum(self.accuracy) / len(self.accuracy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the same examples at one radius, under one attack or the worst of several of one norm.

    Attributes:
        epsilon: the radius; 0 where both are compared without an attack.
        only_first, only_second: examples that exactly one of the models keeps right.
        p_value: mid-p value of McNemar's paired test that both are equally robust.
    """

    norm: Norm
    epsilon: float
    accuracies: tuple[float, float]
    only_first: int
    only_second: int
    p_value: float

    @property
    def is_significant(self) -> bool:
        """Whether the two differ, at the level of `SIGNIFICANCE`."""
        return self.p_value < SIGNIFICANCE


def norms_of(outcomes: Sequence[AttackOutcome]) -> tuple[Norm, ...]:
    """Return the norms that occur, in the enumeration's order."""
    return tuple(norm for norm in Norm if any(outcome.norm is norm for outcome in outcomes))


def radii(outcomes: Sequence[AttackOutcome], norm: Norm) -> tuple[float, ...]:
    """Return the radii of the attacks of a norm, which are the same for all of them."""
    return next(outcome.epsilons for outcome in outcomes if outcome.norm is norm)


def black_box(outcomes: Sequence[AttackOutcome]) -> tuple[AttackOutcome, ...]:
    """Return the outcomes of attacks that see a model's answers only."""
    return tuple(outcome for outcome in outcomes if outcome.name in BLACK_BOX_ATTACKS)


def white_box(outcomes: Sequence[AttackOutcome]) -> tuple[AttackOutcome, ...]:
    """Return the outcomes of attacks that know a model's weights, those that are transferred from them included."""
    return tuple(outcome for outcome in outcomes if outcome.name not in BLACK_BOX_ATTACKS)


def surviving(is_right: Flags, outcomes: Sequence[AttackOutcome], norm: Norm) -> Flags:
    """Return what is right when clean and broken by no attack of the norm, at each radius: [n_epsilons, n]."""
    broken = [outcome.broken for outcome in outcomes if outcome.norm is norm]
    left: Flags = is_right & ~np.logical_or.reduce(broken)
    return left


def worst_case(is_right: Flags, outcomes: Sequence[AttackOutcome], norm: Norm) -> WorstCase:
    """Return the accuracy under the worst of all attacks of a norm, per example, with its interval."""
    accuracy = tuple(float(row.mean()) for row in surviving(is_right, outcomes, norm))
    return WorstCase(
        norm=norm,
        epsilons=radii(outcomes, norm),
        accuracy=accuracy,
        intervals=tuple(wilson_interval(value, len(is_right)) for value in accuracy),
    )


def compare(
    first: Flags, second: Flags, *, norm: Norm, epsilons: Sequence[float], n_examples: int | None = None
) -> tuple[Comparison, ...]:
    """Compare what two models keep right on the same examples, radius by radius.

    Args:
        first, second: `surviving` of the two audits, or `AttackOutcome.kept` of one attack of each.  # [n_epsilons, n]
        norm: of both.
        epsilons: radii of both.
        n_examples: to which the accuracies refer, where an attack ran on a subset; None: to all.

    Raises:
        SearchError: the two have other radii or examples.
    """
    if first.shape != second.shape or len(first) != len(epsilons):
        raise SearchError(f"two audits compare on equal radii and examples; got {first.shape} and {second.shape}.")
    n_covered = first.shape[1] if n_examples is None else n_examples
    comparisons = []
    for epsilon, a, b in zip(epsilons, first, second, strict=True):
        only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
        comparisons.append(
            Comparison(
                norm=norm,
                epsilon=epsilon,
                accuracies=(float(a.sum()) / n_covered, float(b.sum()) / n_covered),
                only_first=only_first,
                only_second=only_second,
                p_value=mcnemar_mid_p(only_first, only_second),
            )
        )
    return tuple(comparisons)
