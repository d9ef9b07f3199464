"""How a trial's training went: its losses by epoch."""

from dataclasses import dataclass

from dashboards.snapshot import StudySnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCurveInfo:
    """The losses of one trial.

    Attributes:
        epochs: 1 for the first.
        cross_entropy: mean over the epoch; None where it was not finite.
        jacobian_term: mean over the epoch, weighted as it is added to the loss; None where it was not finite.
        elapsed_s: seconds of every epoch.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    epochs: tuple[int, ...]
    cross_entropy: tuple[float | None, ...]
    jacobian_term: tuple[float | None, ...]
    elapsed_s: tuple[float | None, ...]
    is_synthetic: bool
    note: str | None


def training_curve_info(snapshot: StudySnapshot, number: int) -> TrainingCurveInfo:
    """Collect the training curve that a trial recorded.

    Raises:
        SelectionError: there is no such trial.
    """
    trial = snapshot.trial(number)
    curve = trial.details.get("curve") or ()
    return TrainingCurveInfo(
        title=f"Training of trial {number}",
        epochs=tuple(int(point["epoch"]) for point in curve),
        cross_entropy=tuple(point.get("cross_entropy") for point in curve),
        jacobian_term=tuple(point.get("jacobian_term") for point in curve),
        elapsed_s=tuple(point.get("elapsed_s") for point in curve),
        is_synthetic=snapshot.study.is_synthetic,
        note=None if curve else f"trial {number} recorded no epoch; it is {trial.state.value}",
    )
