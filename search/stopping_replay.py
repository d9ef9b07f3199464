"""What early stopping would have saved and lost in a study whose trials were all trained to their end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from search.early_stopping import RungPoint, RungRule, decide
from spaces.errors import SearchError
from spaces.objectives import reference_losses
from spaces.pareto import hypervolume


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedTrial:
    """A trial that was trained to its end and measured at every rung on the way.

    Attributes:
        at_rungs: its points at the rungs, in their order.
        final: its point at the end, at the full fidelity.
    """

    at_rungs: tuple[RungPoint, ...]
    final: RungPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyReplay:
    """What early stopping would have saved and lost in a study.

    Attributes:
        n_trials: how many were replayed.
        stopped: trial -> the epochs after which it would have been stopped.
        epochs_spent, epochs_full: of all trials together, with and without early stopping.
        hypervolume, hypervolume_full: of the feasible trials that are trained to their end.
    """

    n_trials: int
    stopped: Mapping[int, int]
    epochs_spent: int
    epochs_full: int
    hypervolume: float
    hypervolume_full: float

    @property
    def times_saved(self) -> float:
        """How many times fewer epochs are spent."""
        return self.epochs_full / self.epochs_spent

    @property
    def hypervolume_lost(self) -> float:
        """Which part of the hypervolume is lost, in [0, 1]."""
        return 1 - self.hypervolume / self.hypervolume_full if self.hypervolume_full > 0 else 0.0


def replay_study(trials: Sequence[FinishedTrial], *, rungs: Sequence[int], epochs: int, rule: RungRule) -> StudyReplay:
    """Go through the trials of a study in the given order, as one worker would have with early stopping.

    Which trials come is taken as it was, though a sampler that had seen them stopped would have proposed others.

    Args:
        trials: in the order in which they began; at least one.
        rungs: epochs of the rungs, ascending.
        epochs: the full length.
        rule: what decides.

    Raises:
        SearchError: there is no trial, or a trial has not one point for every rung.
    """
    if not trials:
        raise SearchError("a study without finished trials cannot be replayed.")
    reached: list[list[RungPoint]] = [[] for _ in rungs]
    stopped: dict[int, int] = {}
    for trial in trials:
        if len(trial.at_rungs) != len(rungs):
            raise SearchError(
                f"trial {trial.final.number} must have a point at each of the {len(rungs)} rungs; "
                f"got {len(trial.at_rungs)}."
            )
        for rung, points, point in zip(rungs, reached, trial.at_rungs, strict=True):
            decision = decide(point, points, rule=rule)
            points.append(point)
            if not decision.goes_on:
                stopped[trial.final.number] = rung
                break
    finals = [trial.final for trial in trials]
    return StudyReplay(
        n_trials=len(trials),
        stopped=MappingProxyType(stopped),
        epochs_spent=sum(stopped.get(point.number, epochs) for point in finals),
        epochs_full=epochs * len(finals),
        hypervolume=_hypervolume([point for point in finals if point.number not in stopped], rule),
        hypervolume_full=_hypervolume(finals, rule),
    )


def _hypervolume(points: Sequence[RungPoint], rule: RungRule) -> float:
    feasible = [point for point in points if rule.violation(point) <= 0]
    return hypervolume(rule.losses(feasible), reference_losses(rule.objectives))
