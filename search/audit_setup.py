"""Puts an audit together from a trial's stored model and the study's data."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from search.audit import AuditListener, Auditor, AuditParts
from search.audit_models import load_models
from search.bootstrap import Memory
from search.stored_models import load_stored_model
from search.study_data import check_same_data, load_data
from spaces.errors import SelectionError
from spaces.spec_files import parse_spec
from storage.audits import AuditRecord, TrialAudits
from storage.records import StudyRecord, TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What `audit` was given.

    Attributes:
        trial: the complete trial whose model is audited.
        data_dir: where data sets are looked for first.
        images: test examples.
        quick: about a tenth of the work.
    """

    study: StudyRecord
    trial: TrialRecord
    data_dir: Path | None
    images: int
    quick: bool


def prepare_audit(memory: Memory, options: AuditOptions, listener: AuditListener) -> Auditor[AuditRecord]:
    """Load a trial's stored model and the study's data, and return the audit of that model.

    Raises:
        DataError: the data are not to be had.
        StudyMismatchError: they are not those of the study.
        ArtifactError: the trial's model is not stored any more, or is damaged.
        SelectionError: the trial has no measurement.
    """
    study, number = options.study, options.trial.number
    if options.trial.measurement is None:
        raise SelectionError(f"trial {number} of study {study.name!r} was not measured; choose a complete trial.")
    digests = memory.repository.artifacts(study.id, number)
    model = load_stored_model(study, number, digests=digests, artifacts=memory.artifacts)
    spec = parse_spec(study.spec, source=f"stored study {study.name!r}")
    dataset = load_data(spec, data_dir=options.data_dir, synthetic=study.is_synthetic)
    check_same_data(study, dataset)
    return Auditor(
        AuditParts(
            spec=spec,
            models=partial(load_models, model, input_range=dataset.input_range),
            model_digests=digests,
            search_steps=spec.robustness.pgd_steps,
            dataset=dataset,
            images=options.images,
            quick=options.quick,
            store=TrialAudits(memory.audits, study.id, number=number),
            listener=listener,
        )
    )
