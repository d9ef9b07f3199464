"""Puts a refinement together from stored trials, the study's data and its float parents."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.bootstrap import Memory, open_parents
from search.versions import installed_versions
from spaces.spec_files import parse_spec
from storage.records import StudyRecord, TrialRecord

if TYPE_CHECKING:  # both come with TensorFlow, which showing what is stored does without
    from search.refinement import RefinementListener, Refiner


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineOptions:
    """What `refine` was given.

    Attributes:
        trials: complete ones, whose candidates are refined.
        epochs: of every training.
        n_seeds: trainings of each candidate.
        data_dir: where data sets are looked for first.
    """

    study: StudyRecord
    trials: tuple[TrialRecord, ...]
    epochs: int
    n_seeds: int
    data_dir: Path | None


def prepare_refinement(
    memory: Memory, options: RefineOptions, listener: "RefinementListener", should_stop: Callable[[], bool]
) -> "Refiner":
    """Load the study's data and return the refinement.

    Raises:
        DataError: the data are not to be had.
        StudyMismatchError: they are not those of the study.
        SpecError: the study's own topology cannot be built.
    """
    from search.evaluation import Evaluator
    from search.patience import Patience
    from search.refinement import RefinementParts, Refiner, refinement_spec
    from search.study_data import check_same_data, load_data

    study = options.study
    spec = refinement_spec(parse_spec(study.spec, source=f"stored study {study.name!r}"), epochs=options.epochs)
    dataset = load_data(spec, data_dir=options.data_dir, synthetic=study.is_synthetic)
    check_same_data(study, dataset)
    patience = Patience(should_stop, rng=random.Random())  # as in a worker, not seeded by the study
    return Refiner(
        RefinementParts(
            study=study,
            spec=spec,
            data_fingerprint=dataset.fingerprint,
            trials=options.trials,
            n_seeds=options.n_seeds,
            evaluator=Evaluator(spec, dataset, open_parents(memory, study, spec, dataset, patience)),
            repository=memory.repository,
            refinements=memory.refinements,
            artifacts=memory.artifacts,
            unfinished=memory.artifacts.root / "unfinished",
            provenance={"versions": installed_versions()},
            listener=listener,
            should_stop=should_stop,
            patience=patience,
        )
    )
