"""Puts the audits of a family of reference models together: same suite, examples and radii as a study's own audits."""

from dataclasses import dataclass
from pathlib import Path

from search.audit import AuditListener, Auditor, AuditParts
from search.bootstrap import Memory
from search.data.roots import search_roots
from search.references import find_references
from search.study_data import check_same_data, load_data
from spaces.spec_files import parse_spec
from storage.records import StudyRecord
from storage.reference_models import ReferenceAudits, ReferenceModel, ReferenceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceOptions:
    """What `reference` was given.

    Attributes:
        study: whose test images, radii and seed are taken.
        family: a name of `search.references.REFERENCES`.
        data_dir: where data sets and reference models are looked for first.
        images: test images.
        quick: about a tenth of the work.
    """

    study: StudyRecord
    family: str
    data_dir: Path | None
    images: int
    quick: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAudit:
    """The audit of one model of the family, not run yet."""

    model: ReferenceModel
    auditor: Auditor[ReferenceRecord]


def prepare_references(
    memory: Memory, options: ReferenceOptions, listener: AuditListener
) -> tuple[ReferenceAudit, ...]:
    """Load the models and the study's data, and return an audit for each model, the one that a device gets first.

    Raises:
        SelectionError: there is no such family.
        SpecError: its models do not classify the study's data.
        DataError: the data or a model's file are not to be had.
        SetupError: a library that the models need is not installed.
        StudyMismatchError: the data are not those of the study.
    """
    study = options.study
    load = find_references(options.family)
    spec = parse_spec(study.spec, source=f"stored study {study.name!r}")
    dataset = load_data(spec, data_dir=options.data_dir, synthetic=study.is_synthetic)
    check_same_data(study, dataset)
    return tuple(
        ReferenceAudit(
            model=loaded.model,
            auditor=Auditor(
                AuditParts(
                    spec=spec,
                    models=loaded.models,
                    model_digests=loaded.digests,
                    search_accuracy=None,
                    dataset=dataset,
                    images=options.images,
                    quick=options.quick,
                    store=ReferenceAudits(memory.references, study.id, model=loaded.model),
                    listener=listener,
                )
            ),
        )
        for loaded in load(dataset, search_roots(options.data_dir))
    )
