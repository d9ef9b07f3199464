"""Puts a refinement together from stored trials, the study's data and its float parents."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.bootstrap import Memory, open_parents
from search.selection import select_trial
from search.versions import installed_versions
from spaces.errors import SelectionError
from spaces.spec_files import parse_spec
from storage.records import StudyRecord, TrialRecord
from storage.repository import Repository

if TYPE_CHECKING:  # both come with TensorFlow, which showing what is stored does without
    from search.refinement import RefinementListener, Refiner

_FORMS = "front, knee, best:<objective> or trial:<number>"


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


def select_candidates(repository: Repository, study: str, selection: str) -> tuple[TrialRecord, ...]:
    """Return the complete trials that the words name: `front`, or one as `search.selection.select_trial` takes it.

    Raises:
        SelectionError: other words, a trial that is not complete, or an empty front.
    """
    if selection == "front":
        front = tuple(repository.front(repository.get_study(study).id))
        if not front:
            raise SelectionError(f"study {study!r} has an empty front: no feasible trial is complete yet.")
        return front
    if selection.partition(":")[0] not in ("knee", "best", "trial"):
        raise SelectionError(f"--select takes {_FORMS}; got {selection!r}.")
    return (select_trial(repository, study, selection),)


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
