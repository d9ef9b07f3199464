"""What refined candidates amount to: mean and spread over their seeds, and the front among those that compare."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from spaces.errors import SearchError
from spaces.measurement import Measurement
from spaces.pareto import non_dominated_mask
from spaces.study_spec import StudySpec
from storage.records import TrialRecord
from storage.refinements import RefinementRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a metric lies over several runs, in the metric's own unit.

    Attributes:
        deviation: standard deviation with n - 1 in the denominator; None for a single run.
    """

    mean: float
    deviation: float | None
    minimum: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarize values.

        Raises:
            SearchError: there are none, or one is not finite.
        """
        if not values or not all(math.isfinite(value) for value in values):
            raise SearchError(f"a spread needs at least one value, all finite; got {list(values)}.")
        return cls(
            mean=fmean(values),
            deviation=stdev(values) if len(values) > 1 else None,
            minimum=min(values),
            maximum=max(values),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedCandidate:
    """A candidate with its runs of equal epochs.

    Attributes:
        trial: the search's own result.
        runs: by seed, failed ones included; at least one.
    """

    trial: TrialRecord
    runs: tuple[RefinementRun, ...]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Those of the runs that did not fail."""
        return tuple(run.measurement for run in self.runs if run.measurement is not None)

    @property
    def n_failed(self) -> int:
        """How many runs failed."""
        return len(self.runs) - len(self.measurements)

    @property
    def is_suspect(self) -> bool:
        """Whether a check fired in any run."""
        return any(measurement.masking_suspect for measurement in self.measurements)

    @property
    def counts(self) -> bool:
        """Whether every run gave a score that counts, so that the means compare with those of others."""
        return not self.n_failed and all(item.withheld_reason is None for item in self.measurements)

    def spread(self, metric: str) -> Spread:
        """Return a metric's spread over the runs that did not fail.

        Raises:
            SearchError: all failed.
        """
        return Spread.of([measurement.metric(metric) for measurement in self.measurements])


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedGroup:
    """The refined candidates that compare with each other: equal epochs, equally many seeds.

    Attributes:
        repeats: which seeds each candidate was trained with, 0 for the first.
        candidates: by trial.
        front: numbers of the trials that no other one of the group dominates on the means of the study's objectives;
            only candidates whose runs all count and whose means keep the constraints take part.
    """

    epochs: int
    repeats: tuple[int, ...]
    candidates: tuple[RefinedCandidate, ...]
    front: tuple[int, ...]


def refined_groups(
    trials: Sequence[TrialRecord], runs: Sequence[RefinementRun], spec: StudySpec, *, n_seeds: int | None = None
) -> tuple[RefinedGroup, ...]:
    """Sort runs into groups, by epochs and number of seeds.

    Args:
        trials: those that are looked at; runs of others are left out.
        runs: of `storage.refinements.RefinementRepository.runs`.
        spec: of the study, for objectives and constraints.
        n_seeds: look at the first so many seeds only; candidates with fewer form a group of their own.
    """
    by_number = {trial.number: trial for trial in trials}
    gathered: dict[tuple[int, int], list[RefinementRun]] = {}
    for run in runs:
        if run.number in by_number and (n_seeds is None or run.repeat < n_seeds):
            gathered.setdefault((run.epochs, run.number), []).append(run)
    groups: dict[tuple[int, tuple[int, ...]], list[RefinedCandidate]] = {}
    for (epochs, number), found in sorted(gathered.items()):
        candidate = RefinedCandidate(trial=by_number[number], runs=tuple(sorted(found, key=lambda run: run.repeat)))
        repeats = tuple(run.repeat for run in candidate.runs)
        groups.setdefault((epochs, repeats), []).append(candidate)
    return tuple(
        RefinedGroup(epochs=epochs, repeats=repeats, candidates=tuple(members), front=_front(members, spec))
        for (epochs, repeats), members in sorted(groups.items(), key=lambda item: (item[0][0], -len(item[0][1])))
    )


def _front(candidates: Sequence[RefinedCandidate], spec: StudySpec) -> tuple[int, ...]:
    constraints, objectives = spec.constraint_values(), spec.objective_values()
    feasible = [
        candidate
        for candidate in candidates
        if candidate.counts
        and all(constraint.violation(candidate.spread(constraint.name).mean) <= 0 for constraint in constraints)
    ]
    points = np.array(
        [[objective.loss(candidate.spread(objective.name).mean) for objective in objectives] for candidate in feasible]
    ).reshape(len(feasible), len(objectives))
    is_front = non_dominated_mask(points)
    return tuple(candidate.trial.number for candidate, kept in zip(feasible, is_front, strict=True) if kept)
