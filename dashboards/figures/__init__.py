"""Pictures of the infos: each function only draws what its info decided, and draws a note where that is nothing."""

from dashboards.figures.audit_curves import plot_audit_curves
from dashboards.figures.hypervolume import plot_hypervolume
from dashboards.figures.layer_choices import plot_layer_choices
from dashboards.figures.pareto_front import plot_pareto_front_3d, plot_pareto_projections
from dashboards.figures.robustness_curves import plot_attack_curves, plot_robustness_curves

__all__ = [
    "plot_attack_curves",
    "plot_audit_curves",
    "plot_hypervolume",
    "plot_layer_choices",
    "plot_pareto_front_3d",
    "plot_pareto_projections",
    "plot_robustness_curves",
]
