"""What the figures show, as frozen values made by pure functions of a snapshot; nothing here draws."""

from dashboards.infos.audit_comparison import AuditComparisonInfo, ComparedTrial, audit_comparison_info
from dashboards.infos.audit_curves import AuditCurve, AuditCurvesInfo, audit_curves_info
from dashboards.infos.audits import AuditsInfo, AuditSummary, audits_info
from dashboards.infos.check_table import CheckTableInfo, CheckTableRow, check_table_info
from dashboards.infos.compared_models import AttackedView, ComparedModel, ReferenceComparisonInfo
from dashboards.infos.comparison import ComparisonInfo, comparison_info
from dashboards.infos.front_view import front_view_info, metric_ranges
from dashboards.infos.hypervolume import HypervolumeInfo, HypervolumeStep, hypervolume_info
from dashboards.infos.importance import ImportanceInfo, importance_info
from dashboards.infos.layer_bytes import LayerBytesInfo, layer_bytes_info
from dashboards.infos.layer_choices import LayerChoicesInfo, layer_choices_info
from dashboards.infos.pareto_front import FrontPoint, ParetoFrontInfo, pareto_front_info
from dashboards.infos.reference_comparison import reference_comparison_info
from dashboards.infos.reference_points import FixedPoint
from dashboards.infos.robustness_curves import (
    RobustnessCurve,
    RobustnessCurvesInfo,
    default_chosen,
    robustness_curves_info,
)
from dashboards.infos.rung_decisions import RungDecisionsInfo, rung_decisions_info
from dashboards.infos.timeline import FailureGroup, TimelineInfo, failure_groups, timeline_info
from dashboards.infos.training_curve import TrainingCurveInfo, training_curve_info
from dashboards.infos.trial_table import TrialTableInfo, TrialTableRow, trial_table_info

__all__ = [
    "AttackedView",
    "AuditComparisonInfo",
    "AuditCurve",
    "AuditCurvesInfo",
    "AuditSummary",
    "AuditsInfo",
    "CheckTableInfo",
    "CheckTableRow",
    "ComparedModel",
    "ComparedTrial",
    "ComparisonInfo",
    "FailureGroup",
    "FixedPoint",
    "FrontPoint",
    "HypervolumeInfo",
    "HypervolumeStep",
    "ImportanceInfo",
    "LayerBytesInfo",
    "LayerChoicesInfo",
    "ParetoFrontInfo",
    "ReferenceComparisonInfo",
    "RobustnessCurve",
    "RobustnessCurvesInfo",
    "RungDecisionsInfo",
    "TimelineInfo",
    "TrainingCurveInfo",
    "TrialTableInfo",
    "TrialTableRow",
    "audit_comparison_info",
    "audit_curves_info",
    "audits_info",
    "check_table_info",
    "comparison_info",
    "default_chosen",
    "failure_groups",
    "front_view_info",
    "hypervolume_info",
    "importance_info",
    "layer_bytes_info",
    "layer_choices_info",
    "metric_ranges",
    "pareto_front_info",
    "reference_comparison_info",
    "robustness_curves_info",
    "rung_decisions_info",
    "timeline_info",
    "training_curve_info",
    "trial_table_info",
]
