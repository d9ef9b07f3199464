"""What is shown: figures and pages of a study, made from frozen records; runs without TensorFlow.

`plot_...` and `write_report` are importable from here; Plotly is loaded when one of them is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.figures import (
        plot_attack_curves,
        plot_audit_curves,
        plot_hypervolume,
        plot_layer_choices,
        plot_pareto_front_3d,
        plot_pareto_projections,
        plot_robustness_curves,
    )
    from dashboards.report import write_report
    from dashboards.snapshot import StudySnapshot

_HOMES = {
    "StudySnapshot": "dashboards.snapshot",
    "plot_attack_curves": "dashboards.figures",
    "plot_audit_curves": "dashboards.figures",
    "plot_hypervolume": "dashboards.figures",
    "plot_layer_choices": "dashboards.figures",
    "plot_pareto_front_3d": "dashboards.figures",
    "plot_pareto_projections": "dashboards.figures",
    "plot_robustness_curves": "dashboards.figures",
    "write_report": "dashboards.report",
}

__all__ = [
    "StudySnapshot",
    "plot_attack_curves",
    "plot_audit_curves",
    "plot_hypervolume",
    "plot_layer_choices",
    "plot_pareto_front_3d",
    "plot_pareto_projections",
    "plot_robustness_curves",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
