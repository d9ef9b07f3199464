"""How the front grew: its hypervolume after every revision, against that of the baselines alone."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from dashboards.fired_checks import FiredCheck, fired_checks
from dashboards.snapshot import StudySnapshot
from spaces.objectives import losses, reference_losses
from spaces.pareto import hypervolume


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervolumeStep:
    """The front after one revision.

    Attributes:
        trial_number: the trial whose arrival made the revision; None for the empty front.
        fired: the checks that fired on that trial.
        front_size: members of the front.
        time: when the revision was made, in UTC.
    """

    revision: int
    trial_number: int | None
    fired: tuple[FiredCheck, ...]
    hypervolume: float
    front_size: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervolumeInfo:
    """What the hypervolume figure shows.

    Attributes:
        steps: the revisions, ascending.
        baseline_numbers: the measured baselines.
        suspect_baselines: those of them on which a check fired.
        baseline_hypervolume: what they dominate alone, feasible or not; None while none is measured.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    steps: tuple[HypervolumeStep, ...]
    baseline_numbers: tuple[int, ...]
    suspect_baselines: tuple[int, ...]
    baseline_hypervolume: float | None
    is_synthetic: bool
    note: str | None


def hypervolume_info(snapshot: StudySnapshot) -> HypervolumeInfo:
    """Read the front's history and compute the hypervolume of the baselines alone."""
    fired = fired_checks(snapshot)
    steps = tuple(
        HypervolumeStep(
            revision=record.revision,
            trial_number=record.trial_number,
            fired=() if record.trial_number is None else fired.get(record.trial_number, ()),
            hypervolume=record.hypervolume,
            front_size=record.size,
            time=record.created_at,
        )
        for record in sorted(snapshot.revisions, key=lambda record: record.revision)
    )
    return HypervolumeInfo(
        title=f"Hypervolume of the front of {snapshot.study.name}",
        steps=steps,
        baseline_numbers=snapshot.measured_baselines,
        suspect_baselines=tuple(number for number in snapshot.measured_baselines if number in fired),
        baseline_hypervolume=_baseline_hypervolume(snapshot),
        is_synthetic=snapshot.study.is_synthetic,
        note=None if steps else "the front has no history yet",
    )


def _baseline_hypervolume(snapshot: StudySnapshot) -> float | None:
    objectives, measurements = snapshot.objectives, snapshot.measurements
    points = [losses(measurements[number], objectives) for number in snapshot.measured_baselines]
    return hypervolume(np.array(points), reference_losses(objectives)) if points else None
