"""Reference models of a study as fixed points of its objective space."""

from dataclasses import dataclass
from math import isclose

from dashboards.labels import format_accuracy, format_metric
from dashboards.snapshot import StudySnapshot
from spaces.objectives import Objective
from storage.reference_models import ReferenceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPoint:
    """A model that no trial of the study is, such as a published one, in the objective space.

    Attributes:
        values: in the metrics' own units; None where it was not measured, so it is left out of views of that axis.
        hover: lines for the pointer.
    """

    name: str
    values: tuple[float | None, ...]
    hover: tuple[str, ...]


def reference_points(snapshot: StudySnapshot, objectives: tuple[Objective, ...]) -> tuple[FixedPoint, ...]:
    """Return the audited reference models; what was not measured as the study measures it is None."""
    grid = snapshot.spec.robustness.epsilons
    return tuple(_point(record, objectives, grid) for record in snapshot.references)


def _point(record: ReferenceRecord, objectives: tuple[Objective, ...], grid: tuple[float, ...]) -> FixedPoint:
    has_grid = len(record.epsilons) == len(grid) and all(
        isclose(one, other, rel_tol=1e-6) for one, other in zip(record.epsilons, grid, strict=True)
    )
    robust = record.robust_accuracy if has_grid and record.has_all_attacks else None
    values: dict[str, float | None] = {
        "clean_accuracy": record.clean_accuracy,
        "robust_accuracy": robust,
        "size_bytes": float(record.size_bytes),
    }
    hover = (
        f"reference: {record.title}{', masking suspect' if record.masking_suspect else ''}",
        f"clean accuracy: {format_accuracy(record.clean_accuracy)}",
        *([f"robust accuracy: {format_accuracy(robust)}"] if robust is not None else []),
        f"size: {format_metric('size_bytes', record.size_bytes)}",
        f"on {record.n_examples} test examples, under audit",
    )
    return FixedPoint(
        name=f"reference, by its audit: {record.title}",
        values=tuple(values.get(objective.name) for objective in objectives),
        hover=hover,
    )
