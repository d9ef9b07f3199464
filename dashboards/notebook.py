"""Figures straight from a study, as a notebook wants them: `plot_front(read_study("studies.db", "cifar"))`.

Each function takes a `StudySnapshot`, makes the info that decides what is shown, and draws it; or it takes the info.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import plotly.graph_objects as go

from dashboards import figures, infos
from dashboards.snapshot import StudySnapshot
from dashboards.study_view import StudyView


def plot_front(
    study: StudySnapshot | infos.ParetoFrontInfo, *, axes: Sequence[str] | None = None, chosen: Sequence[int] = ()
) -> go.Figure:
    """Draw the front in two or three objectives, by default the first three; chosen trials are ringed.

    Raises:
        SelectionError: an axis is no objective of the study.
    """
    if isinstance(study, StudySnapshot):
        study = infos.front_view_info(StudyView.of(study), axes=axes, chosen=chosen)
    return figures.plot_front(study, chosen=chosen)


def plot_timeline(study: StudySnapshot | infos.TimelineInfo, *, now: datetime | None = None) -> go.Figure:
    """Draw when every trial was trained and by whom; `now` ends the trials that still run."""
    if isinstance(study, StudySnapshot):
        study = infos.timeline_info(StudyView.of(study), now=now or datetime.now(UTC))
    return figures.plot_timeline(study)


def _of_study(plot: Callable[..., go.Figure], info_of: Callable[..., Any]) -> Callable[..., go.Figure]:
    @wraps(plot)
    def drawn(study: Any, *chosen: Any, **options: Any) -> go.Figure:
        info = info_of(study, *chosen) if isinstance(study, StudySnapshot) else study
        return plot(info, **options)

    return drawn


plot_attack_curves = _of_study(figures.plot_attack_curves, infos.robustness_curves_info)
plot_audit_curves = _of_study(figures.plot_audit_curves, infos.audit_curves_info)
plot_hypervolume = _of_study(figures.plot_hypervolume, infos.hypervolume_info)
plot_importance = _of_study(figures.plot_importance, infos.importance_info)
plot_layer_bytes = _of_study(figures.plot_layer_bytes, infos.layer_bytes_info)
plot_layer_choices = _of_study(figures.plot_layer_choices, infos.layer_choices_info)
plot_pareto_front_3d = _of_study(figures.plot_pareto_front_3d, infos.pareto_front_info)
plot_pareto_projections = _of_study(figures.plot_pareto_projections, infos.pareto_front_info)
plot_robustness_curves = _of_study(figures.plot_robustness_curves, infos.robustness_curves_info)
plot_rung_decisions = _of_study(figures.plot_rung_decisions, infos.rung_decisions_info)
plot_training_curve = _of_study(figures.plot_training_curve, infos.training_curve_info)
