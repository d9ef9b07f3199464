"""Puts the audits of a family of reference models together: same suite, examples and radii as a study's own audits."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from search.audit import AuditListener, Auditor, AuditParts
from search.bootstrap import DEFAULT_LEASE_S, Memory, open_parents
from search.data.dataset import Dataset
from search.data.roots import search_roots
from search.evaluation import Watch
from search.patience import Patience
from search.processes import this_worker
from search.references import find_references
from search.references.base import ReferenceContext
from search.shared_parents import SharedParents
from search.study_data import check_same_data, load_data
from search.training.fit import FitProgress
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec
from storage.records import StudyRecord
from storage.reference_models import ReferenceAudits, ReferenceModel, ReferenceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceOptions:
    """What `reference` was given.

    Attributes:
        study: whose test examples, radii and seed are taken.
        family: a name of `search.references.REFERENCES`.
        data_dir: where data sets and reference models are looked for first.
        images: test examples.
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


class ReferenceListener(AuditListener, Protocol):
    """Follows the audits of a family, and the training of a network that is made here; every method returns at once."""

    def parent_started(self, choices: Mapping[str, float]) -> None:
        """A network is being trained, with these choices of its topology."""
        ...

    def parent_awaited(self, choices: Mapping[str, float]) -> None:
        """Another process trains it; this one waits."""
        ...

    def fit_progressed(self, progress: FitProgress) -> None:
        """A batch is done."""
        ...


def prepare_references(
    memory: Memory, options: ReferenceOptions, listener: ReferenceListener
) -> tuple[ReferenceAudit, ...]:
    """Load the models and the study's data, and return an audit for each model, the one that a device gets first.

    A family that is trained here is trained now, unless it is kept; an interruption loses an epoch at most.

    Raises:
        SelectionError: there is no such family.
        SpecError: its models do not classify the study's data.
        DataError: the data or a model's file are not to be had.
        SetupError: a library that the models need is not installed.
        StudyMismatchError: the data are not those of the study.
        ParentError: a model could not be trained.
    """
    study = options.study
    load = find_references(options.family)
    spec = parse_spec(study.spec, source=f"stored study {study.name!r}")
    dataset = load_data(spec, data_dir=options.data_dir, synthetic=study.is_synthetic)
    check_same_data(study, dataset)
    context = ReferenceContext(
        spec=spec,
        dataset=dataset,
        roots=search_roots(options.data_dir),
        parents=lambda of: _parents(memory, study, of, dataset, listener),
        watch=Watch(on_parent=listener.parent_started, on_progress=listener.fit_progressed, should_stop=lambda: False),
    )
    return tuple(
        ReferenceAudit(
            model=loaded.model,
            auditor=Auditor(
                AuditParts(
                    spec=spec,
                    models=loaded.models,
                    model_digests=loaded.digests,
                    search_steps=None,
                    dataset=dataset,
                    images=options.images,
                    quick=options.quick,
                    store=ReferenceAudits(memory.references, study.id, model=loaded.model),
                    listener=listener,
                )
            ),
        )
        for loaded in load(context)
    )


def _parents(
    memory: Memory, study: StudyRecord, spec: StudySpec, dataset: Dataset, listener: ReferenceListener
) -> SharedParents:
    """Return the float networks that are kept with a study, of any settings."""
    patience = Patience(lambda: False, rng=random.Random())  # as in a worker, not seeded by the study
    return SharedParents(
        open_parents(memory, study, spec, dataset, patience),
        memory.parent_leases,
        study_id=study.id,
        worker=this_worker().name,
        lease_s=DEFAULT_LEASE_S,
        patience=patience,
        on_wait=listener.parent_awaited,
    )
