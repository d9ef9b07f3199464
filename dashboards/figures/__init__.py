"""Pictures of the infos: each function only draws what its info decided, and draws a note where that is nothing."""

from dashboards.figures.audit_curves import plot_audit_curves
from dashboards.figures.hypervolume import Over, plot_hypervolume
from dashboards.figures.importance import plot_importance
from dashboards.figures.layer_bytes import plot_layer_bytes
from dashboards.figures.layer_choices import plot_layer_choices
from dashboards.figures.pareto_front import plot_front, plot_pareto_front_3d, plot_pareto_projections
from dashboards.figures.robustness_curves import plot_attack_curves, plot_robustness_curves
from dashboards.figures.rung_decisions import plot_rung_decisions
from dashboards.figures.timeline import plot_timeline
from dashboards.figures.training_curve import plot_training_curve

__all__ = [
    "Over",
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
]
