"""What the figures show, as frozen values made by pure functions of a snapshot; nothing here draws."""

from dashboards.infos.audit_comparison import AuditComparisonInfo, ComparedTrial, audit_comparison_info
from dashboards.infos.audit_curves import AuditCurve, AuditCurvesInfo, audit_curves_info
from dashboards.infos.audits import AuditsInfo, AuditSummary, audits_info
from dashboards.infos.check_table import CheckTableInfo, CheckTableRow, check_table_info
from dashboards.infos.hypervolume import HypervolumeInfo, HypervolumeStep, hypervolume_info
from dashboards.infos.layer_choices import LayerChoicesInfo, layer_choices_info
from dashboards.infos.pareto_front import FrontPoint, ParetoFrontInfo, pareto_front_info
from dashboards.infos.reference_comparison import (
    AttackedView,
    ComparedModel,
    ReferenceComparisonInfo,
    reference_comparison_info,
)
from dashboards.infos.robustness_curves import (
    RobustnessCurve,
    RobustnessCurvesInfo,
    default_chosen,
    robustness_curves_info,
)
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
    "FrontPoint",
    "HypervolumeInfo",
    "HypervolumeStep",
    "LayerChoicesInfo",
    "ParetoFrontInfo",
    "ReferenceComparisonInfo",
    "RobustnessCurve",
    "RobustnessCurvesInfo",
    "TrialTableInfo",
    "TrialTableRow",
    "audit_comparison_info",
    "audit_curves_info",
    "audits_info",
    "check_table_info",
    "default_chosen",
    "hypervolume_info",
    "layer_choices_info",
    "pareto_front_info",
    "reference_comparison_info",
    "robustness_curves_info",
    "trial_table_info",
]
