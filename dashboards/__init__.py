"""What is shown: figures and pages of a study, made from frozen records; runs without TensorFlow.

`plot_...`, `read_study` and `write_report` are importable from here; Plotly is loaded when one is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.notebook import (
        plot_attack_curves,
        plot_audit_curves,
        plot_front,
        plot_hypervolume,
        plot_importance,
        plot_layer_bytes,
        plot_layer_choices,
        plot_pareto_front_3d,
        plot_pareto_projections,
        plot_robustness_curves,
        plot_rung_decisions,
        plot_timeline,
        plot_training_curve,
    )
    from dashboards.reading import read_study
    from dashboards.report import write_report
    from dashboards.snapshot import StudySnapshot

_HOMES = {
    "StudySnapshot": "dashboards.snapshot",
    "plot_attack_curves": "dashboards.notebook",
    "plot_audit_curves": "dashboards.notebook",
    "plot_front": "dashboards.notebook",
    "plot_hypervolume": "dashboards.notebook",
    "plot_importance": "dashboards.notebook",
    "plot_layer_bytes": "dashboards.notebook",
    "plot_layer_choices": "dashboards.notebook",
    "plot_pareto_front_3d": "dashboards.notebook",
    "plot_pareto_projections": "dashboards.notebook",
    "plot_robustness_curves": "dashboards.notebook",
    "plot_rung_decisions": "dashboards.notebook",
    "plot_timeline": "dashboards.notebook",
    "plot_training_curve": "dashboards.notebook",
    "read_study": "dashboards.reading",
    "write_report": "dashboards.report",
}

__all__ = [
    "StudySnapshot",
    "plot_attack_curves",
    "plot_audit_curves",
    "plot_front",
    "plot_hypervolume",
    "plot_importance",
    "plot_layer_bytes",
    "plot_layer_choices",
    "plot_pareto_front_3d",
    "plot_pareto_projections",
    "plot_robustness_curves",
    "plot_rung_decisions",
    "plot_timeline",
    "plot_training_curve",
    "read_study",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
