"""Another study's trials that a study begins with: which, in which order, and what a person is told of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from search.warm_starts import TransferredTrial, transfer
from spaces.objectives import losses, reference_losses, violations
from spaces.pareto import contribution_order, non_dominated_ranks
from spaces.search_space import SearchSpace
from spaces.study_spec import StudySpec
from storage.records import StudyRecord, TrialRecord, TrialState
from storage.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What another study gives to this one.

    Attributes:
        study: the other one's name.
        trials: its feasible trials that are tried here, the best first; baselines are tried anyway and left out.
        beyond: further ones, for which `warm_start.trials` has no place.
        repeated: those that are the same here as one before them.
        dropped: those of another topology.
    """

    study: str
    trials: tuple[TransferredTrial, ...]
    beyond: tuple[int, ...]
    repeated: tuple[int, ...]
    dropped: tuple[int, ...]

    def sentence(self) -> str:
        """Return in words what is tried and what cannot be taken over."""
        parts = [f"nothing of study {self.study!r} is taken over"]
        if self.trials:
            parts = [f"tried early, of study {self.study!r}: {_listed(trial.number for trial in self.trials)}"]
        moved = [trial.number for trial in self.trials if not trial.is_exact]
        for what, numbers in (
            ("with values moved to the nearest that are offered", moved),
            ("beyond warm_start.trials", self.beyond),
            ("the same here as one before", self.repeated),
            ("not transferable, of another topology", self.dropped),
        ):
            if numbers:
                parts.append(f"{what}: {_listed(numbers)}")
        return "; ".join(parts) + "."


def taken_over(repository: Repository, study: StudyRecord, spec: StudySpec, space: SearchSpace) -> TakenOver | None:
    """Return what `warm_start.study` gives; None where the specification names none.

    Only results from before this study was created count, so that all its workers take over the same, whatever the
    other study finds meanwhile.

    Raises:
        SelectionError: the database has no study of that name.
    """
    name = spec.warm_start.study
    if name is None:
        return None
    records = repository.trials(repository.get_study(name).id, state=TrialState.COMPLETE)
    earlier = [record for record in records if record.finished_at and record.finished_at <= study.created_at]
    best = {record.number: record.candidate for record in best_first(earlier, spec)}
    found = transfer(best, space)
    baselines = {space.decode(params).fingerprint for params in space.baselines()}
    new = [trial for trial in found.trials if space.decode(trial.params).fingerprint not in baselines]
    most = spec.warm_start.trials
    return TakenOver(
        study=name,
        trials=tuple(new[:most]),
        beyond=tuple(trial.number for trial in new[most:]),
        repeated=found.repeated,
        dropped=found.dropped,
    )


def best_first(records: Sequence[TrialRecord], spec: StudySpec) -> list[TrialRecord]:
    """Return the trials that are feasible by a specification, best first.

    The order is that of non-dominated ranks in its objectives, within a rank that of the volume that a trial adds.
    """
    objectives, constraints = spec.objective_values(), spec.constraint_values()
    feasible = [
        (record, losses(record.measurement, objectives))
        for record in records
        if record.measurement is not None
        and record.measurement.withheld_reason is None
        and all(violation <= 0 for violation in violations(record.measurement, constraints))
    ]
    points = np.array([point for _, point in feasible]).reshape(-1, len(objectives))
    ranks = non_dominated_ranks(points)
    ordered: list[TrialRecord] = []
    for rank in np.unique(ranks):
        members = np.flatnonzero(ranks == rank)
        order = contribution_order(points[members], reference_losses(objectives))
        ordered += [feasible[members[index]][0] for index in order]
    return ordered


def _listed(numbers: Iterable[int]) -> str:
    listed = [str(number) for number in numbers]
    return f"trial{'s' if len(listed) > 1 else ''} {', '.join(listed)}"
