"""The addresses of the API in one table, of which the routes and the OpenAPI document are made."""

from collections.abc import Callable
from dataclasses import dataclass

from dashboards.api import audit_models, study_models, trial_models, work_models
from dashboards.api.answer import Answer
from dashboards.api.parameters import AFTER, LIMIT, NUMBER, REVISION, STATE, STUDY, Parameter
from dashboards.api.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One address.

    Attributes:
        path: below the API's own, with parameters in braces.
        name: unique; of the handler.
        summary: one line for a reader.
        handler: takes the resources and then every parameter by name.
        answer: the handler's answer.
    """

    path: str
    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    handler: Callable[..., Answer]
    answer: type[Answer]


def _operation(
    path: str, handler: Callable[..., Answer], answer: type[Answer], summary: str, *parameters: Parameter
) -> Operation:
    return Operation(
        path=path, name=handler.__name__, summary=summary, parameters=parameters, handler=handler, answer=answer
    )


# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    _operation("/studies", Resources.list_studies, study_models.Studies, "All studies with their progress"),
    _operation("/studies/{study}", Resources.get_study, study_models.StudyDetail, "What a study was made from", STUDY),
    _operation(
        "/studies/{study}/trials", Resources.list_trials, trial_models.Trials, "Trials, page by page",
        STUDY, STATE, AFTER, LIMIT,
    ),
    _operation(
        "/studies/{study}/trials/{number}", Resources.get_trial, trial_models.TrialDetail, "One trial", STUDY, NUMBER
    ),
    _operation(
        "/studies/{study}/trials/{number}/measurement", Resources.get_measurement, trial_models.Measured,
        "The measurement of a trial", STUDY, NUMBER,
    ),
    _operation(
        "/studies/{study}/trials/{number}/audits", Resources.list_trial_audits, audit_models.Audits,
        "The audits of a trial", STUDY, NUMBER,
    ),
    _operation(
        "/studies/{study}/trials/{number}/rungs", Resources.list_trial_rungs, work_models.Rungs,
        "What a trial measured at the rungs of early stopping", STUDY, NUMBER,
    ),
    _operation(
        "/studies/{study}/front", Resources.get_front, trial_models.Front, "The Pareto front, now or at a revision",
        STUDY, REVISION,
    ),
    _operation(
        "/studies/{study}/revisions", Resources.list_revisions, study_models.Revisions, "The front's history", STUDY
    ),
    _operation("/studies/{study}/audits", Resources.list_audits, audit_models.Audits, "All audits of a study", STUDY),
    _operation("/studies/{study}/workers", Resources.list_workers, work_models.Workers, "Workers that live", STUDY),
    _operation(
        "/studies/{study}/refinements", Resources.list_refinements, work_models.Refinements,
        "Candidates trained longer, with several seeds", STUDY,
    ),
    _operation(
        "/studies/{study}/references", Resources.list_references, audit_models.References,
        "Reference models, audited like the study's trials", STUDY,
    ),
)
# fmt: on
