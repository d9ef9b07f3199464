"""How strongly each layer's bits and Jacobian weight go with each objective: rank correlations over the trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from dashboards.snapshot import StudySnapshot
from spaces.objectives import Objective
from storage.records import TrialRecord

CHOICES = ("weight bits", "activation bits", "Jacobian weight")

_FEWEST_TRIALS = 8
_Z_95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceInfo:
    """Spearman's rank correlation of every choice with every objective.

    Attributes:
        objectives: one matrix each.
        layers: rows, in the topology's order.
        correlations: choice `CHOICES[k]` of a layer with an objective, in [-1, 1]; None where the choice never varies.
            # [n_objectives][n_layers][3]
        noise: a correlation nearer to 0 than this is what chance alone gives in 19 of 20 cases.
        n_trials: complete trials behind the numbers.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    objectives: tuple[Objective, ...]
    layers: tuple[str, ...]
    correlations: tuple[tuple[tuple[float | None, ...], ...], ...]
    noise: float
    n_trials: int
    is_synthetic: bool
    note: str | None


def importance_info(snapshot: StudySnapshot) -> ImportanceInfo:
    """Correlate the choices of the snapshot's complete trials with their objectives (Spearman 1904).

    Ranks ask only that more bits go one way, not by how much. The bound of chance is 1.96 / sqrt(n - 1), the standard
    error of the coefficient without any relation (Kendall and Gibbons 1990).
    """
    measurements, objectives = snapshot.measurements, snapshot.objectives
    trials = [trial for trial in snapshot.trials if trial.number in measurements]
    layers = tuple(dict.fromkeys(name for trial in trials for name in trial.candidate.policies))
    note = None if len(trials) >= _FEWEST_TRIALS else f"needs {_FEWEST_TRIALS} complete trials; there are {len(trials)}"
    choices = [] if note else [[_choice(trials, layer, kind) for kind in range(len(CHOICES))] for layer in layers]
    targets = [
        np.array([measurements[trial.number].metric(objective.name) for trial in trials]) for objective in objectives
    ]
    return ImportanceInfo(
        title=f"What goes with each objective, {snapshot.study.name}",
        objectives=objectives,
        layers=layers,
        correlations=tuple(
            tuple(tuple(rank_correlation(values, target) for values in row) for row in choices) for target in targets
        ),
        noise=_Z_95 / sqrt(max(len(trials) - 1, 1)),
        n_trials=len(trials),
        is_synthetic=snapshot.study.is_synthetic,
        note=note,
    )


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Spearman's coefficient over the pairs without NaN, ties by their mean rank; None where one is constant.

    Args:
        first, second: # [n]
    """
    known = ~(np.isnan(first) | np.isnan(second))
    ranks = [_mean_ranks(values[known]) for values in (first, second)]
    if known.sum() < _FEWEST_TRIALS or any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def _choice(trials: Sequence[TrialRecord], layer: str, kind: int) -> NDArray[np.float64]:
    """Return one of `CHOICES` of a layer over the trials, NaN where it does not apply.  # [n_trials]"""
    policies = [trial.candidate.policies.get(layer) for trial in trials]
    picked = [
        None if policy is None else (policy.weight_bits, policy.activation_bits, policy.jr_weight)[kind]
        for policy in policies
    ]
    return np.array([np.nan if value is None else float(value) for value in picked])
