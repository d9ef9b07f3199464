"""What each arm of `tests.benchmarks.ablation` reached; pure functions of trials, and their table and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.colors
import plotly.graph_objects as go

from spaces.candidate import Candidate
from spaces.errors import SelectionError
from spaces.measurement import Measurement
from spaces.objectives import losses, reference_losses
from spaces.pareto import hypervolume, knee, non_dominated_mask
from spaces.study_spec import StudySpec
from storage.records import TrialState
from tests.benchmarks.ablation_time import Timed
from tests.benchmarks.efficiency_curves import Found, Run, curve
from tests.benchmarks.efficiency_plot import plot_runs

_BYTES_A_PIXEL = 250  # of a dot's area
_TRAINED = (TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """What an arm reached within its time.

    Attributes:
        n_trials: that were trained.
        used_s: what they took.
        is_exhausted: whether the arm ended because every candidate was tried.
        hypervolume: of the feasible candidates, by the study's objectives and reference point.
        trusted_hypervolume: of those among them on which no check fired.
        front: measurements of the feasible candidates that no other one dominates.
        best: clean accuracy -> the largest robust accuracy of a feasible candidate that has at least this much; None
            where there is none.
        run: the same candidates over time.
    """

    arm: str
    n_trials: int
    used_s: float
    is_exhausted: bool
    hypervolume: float
    trusted_hypervolume: float
    front: tuple[Measurement, ...]
    best: dict[float, float | None]
    run: Run

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "arm": self.arm,
            "trials": self.n_trials,
            "used_s": self.used_s,
            "is_exhausted": self.is_exhausted,
            "hypervolume": self.hypervolume,
            "trusted_hypervolume": self.trusted_hypervolume,
            "front": [
                {
                    "clean_accuracy": item.clean_accuracy,
                    "robust_accuracy": item.robust_accuracy,
                    "worst_case": list(item.worst_case),
                    "size_bytes": item.size_bytes,
                    "masking_suspect": item.masking_suspect,
                }
                for item in self.front
            ],
            "best_robust_accuracy": [
                {"at_least_clean_accuracy": clean, "robust_accuracy": value} for clean, value in self.best.items()
            ],
            "run": self.run.to_json(),
        }


def arm_result(
    arm: str, items: Sequence[Timed], spec: StudySpec, *, at_clean: Sequence[float], is_exhausted: bool
) -> ArmResult:
    """Return what an arm's trials reached, all of which lie within its time."""
    feasible = feasible_measurements(items)
    points = np.array([losses(item, spec.objective_values()) for item in feasible])
    is_front = non_dominated_mask(points) if feasible else np.zeros(0, bool)
    is_trusted = np.array([not item.masking_suspect for item in feasible], bool)
    run = _run(arm, items, spec)
    return ArmResult(
        arm=arm,
        n_trials=sum(item.record.state in _TRAINED for item in items),
        used_s=run.elapsed_s,
        is_exhausted=is_exhausted,
        hypervolume=curve(run, reference_point(spec)).final,
        trusted_hypervolume=hypervolume(points[is_trusted], np.array(reference_point(spec)))
        if is_trusted.any()
        else 0.0,
        front=tuple(item for item, is_member in zip(feasible, is_front, strict=True) if is_member),
        best={
            clean: max((item.robust_accuracy for item in feasible if item.clean_accuracy >= clean), default=None)
            for clean in at_clean
        },
        run=run,
    )


def feasible_measurements(items: Sequence[Timed]) -> list[Measurement]:
    """Return the measurements of the trials whose score counts."""
    return [item.record.measurement for item in items if item.record.is_feasible and item.record.measurement]


def reference_point(spec: StudySpec) -> list[float]:
    return [float(value) for value in reference_losses(spec.objective_values())]


def chosen_bits(items: Sequence[Timed], spec: StudySpec) -> Candidate:
    """Return the candidate at the knee of the trials' front, which a user of the first search would go on with.

    Raises:
        SelectionError: no trial is feasible.
    """
    feasible = [item.record for item in items if item.record.is_feasible]
    points = np.array(
        [losses(record.measurement, spec.objective_values()) for record in feasible if record.measurement]
    )
    if not len(points):
        raise SelectionError("the search for bits has found nothing feasible in its half of the time; give more.")
    members = np.flatnonzero(non_dominated_mask(points))
    return feasible[members[knee(points[members], reference_losses(spec.objective_values()))]].candidate


def _run(arm: str, items: Sequence[Timed], spec: StudySpec) -> Run:
    found = tuple(
        Found(
            elapsed_s=item.end_s,
            own_s=item.end_s,
            losses=tuple(map(float, losses(item.record.measurement, spec.objective_values()))),
            is_feasible=item.record.is_feasible,
        )
        for item in items
        if item.record.measurement is not None
    )
    end_s = items[-1].end_s if items else 0.0
    return Run(arm=arm, seed=spec.seed, found=found, elapsed_s=end_s, own_s=end_s, n_begun=len(items))


def table(results: Sequence[ArmResult], *, at_clean: Sequence[float]) -> list[str]:
    """Return the lines of the table; a star marks an arm that had nothing left to try."""
    heads = "".join(f"{f'robust at {clean:g}':>15}" for clean in at_clean)
    lines = [f"{'arm':<22}{'hypervolume':>12}{'no check fired':>16}{'front':>7}{'trials':>8}{'seconds':>9}{heads}"]
    for item in results:
        best = "".join(f"{'none' if value is None else f'{value:.3f}':>15}" for value in item.best.values())
        name = f"{item.arm}{' *' if item.is_exhausted else ''}"
        lines.append(
            f"{name:<22}{item.hypervolume:>12.6g}{item.trusted_hypervolume:>16.6g}{len(item.front):>7}"
            f"{item.n_trials:>8}{item.used_s:>9.0f}{best}"
        )
    if any(item.is_exhausted for item in results):
        lines.append("* every candidate was tried before the time was over")
    return lines


def pictures(results: Sequence[ArmResult], spec: StudySpec) -> dict[str, go.Figure]:
    """Return hypervolume over training time, and every arm's front, by name."""
    volumes = plot_runs([item.run for item in results], reference_point(spec), title=f"{spec.name}: hypervolume")
    volumes.update_layout(xaxis_title="seconds of trials")
    fronts = go.Figure(layout={"title": f"{spec.name}: fronts"})
    colors = plotly.colors.qualitative.D3
    for index, item in enumerate(results):
        fronts.add_scatter(
            x=[point.clean_accuracy for point in item.front],
            y=[point.robust_accuracy for point in item.front],
            text=[f"{point.size_bytes:,} bytes" for point in item.front],
            mode="markers",
            marker={
                "color": colors[index % len(colors)],
                "size": [point.size_bytes for point in item.front],
                "sizemode": "area",
                "sizeref": _BYTES_A_PIXEL,
            },
            name=item.arm,
        )
    fronts.update_layout(
        xaxis_title="clean accuracy; the area of a dot is its model's bytes", yaxis_title="robust accuracy"
    )
    return {"ablation-hypervolume": volumes, "ablation-fronts": fronts}


def write_page(figures: Mapping[str, go.Figure], path: Path) -> None:
    """Write the pictures as one HTML file."""
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=index == 0) for index, figure in enumerate(figures.values())
    ]
    path.write_text(f"<!doctype html><meta charset='utf-8'>{''.join(parts)}\n", encoding="utf-8")
