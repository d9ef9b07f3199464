"""What today's search suite and checks say of models that a study has stored, beside what stands in the database.

    python -m tests.benchmarks.remeasure --storage sqlite:///studies.db --study cifar [--select front trial:4 ...]
        [--data-dir DIR]

The same models, validation and attack examples, radii, steps and seed as in the search; nothing is written. Another
version of the suite or of a check may see what the search did not, or the other way round.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from search.audit_models import classifier_of, network_of
from search.bootstrap import Memory, open_memory
from search.data.dataset import Dataset
from search.measuring import measure
from search.metrics.cost import candidate_cost
from search.selection import select_trials
from search.stored_models import load_stored_model
from search.study_data import check_same_data, load_data
from spaces.check_result import CheckResult
from spaces.errors import SearchError
from spaces.measurement import Measurement
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec
from storage.records import StudyRecord, TrialRecord

_ROW = "{:>5}  {:>6}  {:>6}  {:>6}  {:>6}  {}"


def main() -> None:
    try:
        for line in run(parse_arguments()):
            print(line, flush=True)
    except SearchError as error:
        sys.exit(str(error))


def run(arguments: argparse.Namespace) -> Iterable[str]:
    """Yield a heading, and a row for every trial."""
    memory = open_memory(arguments.storage)
    study = memory.repository.get_study(arguments.study)
    spec = parse_spec(study.spec, source=f"stored study {study.name!r}")
    dataset = load_data(spec, data_dir=arguments.data_dir, synthetic=study.is_synthetic)
    check_same_data(study, dataset)
    yield _ROW.format("trial", "clean", "now", "robust", "now", "checks fired; now")
    for trial in select_trials(memory.repository, study.name, arguments.select):
        assert trial.measurement is not None, "a complete trial has one"
        again = measured_again(trial, study=study, spec=spec, dataset=dataset, memory=memory)
        yield _row(trial.number, trial.measurement, again)


def measured_again(
    trial: TrialRecord, *, study: StudyRecord, spec: StudySpec, dataset: Dataset, memory: Memory
) -> Measurement:
    """Measure a trial's stored model as the search would today.

    Raises:
        ArtifactError: the model is not stored any more, or is damaged.
    """
    digests = memory.repository.artifacts(study.id, trial.number)
    model = load_stored_model(study, trial.number, digests=digests, artifacts=memory.artifacts)
    network = network_of(model, model.candidate)
    return measure(
        network,
        classifier_of(network, dataset.input_range, quantized=True),
        dataset=dataset,
        spec=spec,
        cost=candidate_cost(model.topology, model.candidate),
        seed=trial.seed,
    )


def _row(number: int, stored: Measurement, again: Measurement) -> str:
    pairs = [(stored.clean_accuracy, again.clean_accuracy), (stored.robust_accuracy, again.robust_accuracy)]
    figures = [f"{figure:.3f}" for pair in pairs for figure in pair]
    return _ROW.format(number, *figures, f"{_fired(stored.checks)}; {_fired(again.checks)}")


def _fired(checks: Iterable[CheckResult]) -> str:
    return ", ".join(f"{check.name} {check.value:.3f}" for check in checks if not check.passed) or "none"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", required=True, help="database of the study")
    parser.add_argument("--study", required=True, help="its name")
    parser.add_argument("--select", nargs="+", default=["front"], help="front, or trial:N ...")
    parser.add_argument("--data-dir", type=Path, help="where data are looked for first")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
