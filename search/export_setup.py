"""Puts exports together from the trials that were chosen, their stored models and the study's data."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from search.bootstrap import Memory
from search.exporters.bundle import BundleRequest, bundle_folder, check_formats, load_for_export, write_bundle
from search.exporters.context import ExportData
from search.study_data import difference_in_data, load_data
from spaces.spec_files import parse_spec
from spaces.targets import Target
from spaces.work_steps import OnSteps, WorkSteps
from storage.records import StudyRecord, TrialRecord

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What `export` was given.

    Attributes:
        trials: complete ones.
        formats: names of `search.exporters.names.FORMATS`.
        target: the device; None for the study's own, if it has one.
        out: parent folder.
        data_dir: where data sets are looked for first.
        examples: test examples that every format is checked on, at most.
    """

    study: StudyRecord
    trials: Sequence[TrialRecord]
    formats: Sequence[str]
    target: Target | None
    out: Path
    data_dir: Path | None
    examples: int


def export_trials(memory: Memory, options: ExportOptions, on_steps: OnSteps) -> Iterator[tuple[TrialRecord, Path]]:
    """Export trial after trial and yield each with its folder; `on_steps` is told of the steps of all of them.

    What can be known at once is checked for all trials before the first is exported.

    Raises:
        DataError: the data are not to be had.
        StudyMismatchError: they are of another kind than those of the study.
        ExportError, ArtifactError: as in `write_bundle`.
    """
    study = options.study
    spec = parse_spec(study.spec, source=f"stored study {study.name!r}")
    target = options.target or spec.target
    digests = {trial.number: memory.repository.artifacts(study.id, trial.number) for trial in options.trials}
    check_formats(options.formats)
    for trial in options.trials:
        bundle_folder(study, trial, options.out)
        load_for_export(study, trial, target, digests=digests[trial.number], artifacts=memory.artifacts)
    on_steps(WorkSteps(what="reading the study's data", noun="steps"))
    dataset = load_data(spec, data_dir=options.data_dir, synthetic=study.is_synthetic)
    note = difference_in_data(study, dataset)
    if note:
        _log.warning("%s", note)
    request = BundleRequest(
        formats=options.formats,
        out=options.out,
        data=ExportData.choose(dataset, spec, examples=options.examples, note=note),
        target=target,
    )
    for position, trial in enumerate(options.trials):
        own = replace(request, on_steps=_steps_of_all(on_steps, options, position))
        folder = write_bundle(
            study,
            trial,
            own,
            digests=digests[trial.number],
            artifacts=memory.artifacts,
            audits=memory.audits.audits(study.id, number=trial.number),
        )
        yield trial, folder


def _steps_of_all(on_steps: OnSteps, options: ExportOptions, position: int) -> OnSteps:
    """Return what counts the steps of one trial among those of all."""
    n_trials = len(options.trials)

    def tell(steps: WorkSteps) -> None:
        of_each = steps.total or 0
        what = f"trial {options.trials[position].number}: {steps.what}" if n_trials > 1 else steps.what
        on_steps(replace(steps, what=what, done=position * of_each + steps.done, total=n_trials * of_each))

    return tell
