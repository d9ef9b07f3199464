"""Which part of the Jacobian term is worth its price: hypervolume per second of training, for several settings.

    python -m tests.benchmarks.jr_setting --storage URL [--study cifar] [--data-dir DIR] [--epochs 1] [--candidates 3]
        [--examples 32000] [--json FILE]

Every setting trains the same candidates (the baseline with Jacobian terms and fixed draws from the search space) from
the float parent that the study has stored, on the study's data, and measures them as a trial does.
"""

import argparse
import json
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from search.bootstrap import open_memory
from search.data.dataset import Dataset, Split
from search.evaluation import Evaluation, Evaluator, Watch
from search.models.topologies import make_topology
from search.models.topology import Topology
from search.parent_store import ParentStore
from search.parents import Parent, TrainParent
from search.patience import Patience
from search.study_data import check_same_data, load_data
from search.training.fit import StopRequestedError
from spaces.candidate import Candidate
from spaces.errors import SelectionError
from spaces.objectives import losses, reference_losses
from spaces.pareto import hypervolume
from spaces.search_space import SearchSpace
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How much of the Jacobian term a training takes."""

    name: str
    jr_fraction: float = 1.0
    jr_every: int = 1


SETTINGS = (
    Setting(name="exact"),
    Setting(name="half of the batch", jr_fraction=1 / 2),
    Setting(name="quarter of the batch", jr_fraction=1 / 4),
    Setting(name="eighth of the batch", jr_fraction=1 / 8),
    Setting(name="every 4th step", jr_every=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a setting gave.

    Attributes:
        training_s: of all candidates.
        clean_accuracy, robust_accuracy: of each candidate.
        hypervolume: of all candidates, with the study's objectives and reference point.
        rate: hypervolume per second of training.
    """

    setting: str
    training_s: float
    clean_accuracy: tuple[float, ...]
    robust_accuracy: tuple[float, ...]
    hypervolume: float
    rate: float


class _StoredParent:
    """The parent that the study has stored; none is trained here."""

    def __init__(self, store: ParentStore) -> None:
        self._store = store

    def obtain(self, topology: Topology, choices: Mapping[str, float], train: TrainParent) -> Parent:
        del train
        parent = self._store.find(topology, choices)
        if parent is None:
            raise SelectionError(f"no float parent is stored for {dict(choices)}; launch the study first.")
        return parent


def few_candidates(spec: StudySpec, dataset: Dataset, count: int) -> list[Candidate]:
    """Return the baseline with Jacobian terms, then draws of a fixed seed."""
    choices = {name: values[0] for name, values in spec.topology.choices().items()}
    topology = make_topology(
        spec.topology, input_shape=dataset.input_shape, n_classes=dataset.n_classes, choices=choices
    )
    space = SearchSpace(spec, topology.slots)
    rng = random.Random(0)
    drawn = [
        {parameter.name: rng.choice(parameter.choices) for parameter in space.parameters} for _ in range(count - 1)
    ]
    return [space.decode(params) for params in (space.baselines()[1], *drawn)]


def with_setting(spec: StudySpec, setting: Setting, *, epochs: int) -> StudySpec:
    changes = {"epochs": epochs, "jr_fraction": setting.jr_fraction, "jr_every": setting.jr_every}
    return spec.model_copy(update={"training": spec.training.model_copy(update=changes)})


def first_examples(dataset: Dataset, count: int) -> Dataset:
    """Return the data with the first examples of its training part only."""
    train = dataset.train
    return replace(dataset, train=Split(x=train.x[:count], y=train.y[:count], input_scale=train.input_scale))


def train_all(
    evaluators: Mapping[str, Evaluator], candidates: list[Candidate], *, seed: int
) -> dict[str, list[Evaluation]]:
    """Train every candidate with every setting in turn, so that all settings see the machine as it is."""
    first_step = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: True)
    to_the_end = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False)
    for evaluator in evaluators.values():  # traces
        with suppress(StopRequestedError):
            evaluator.evaluate(candidates[0], seed=seed, watch=first_step)
    found: dict[str, list[Evaluation]] = {name: [] for name in evaluators}
    for number, candidate in enumerate(candidates):
        for name, evaluator in evaluators.items():
            started = time.monotonic()
            evaluation = evaluator.evaluate(candidate, seed=seed + number, watch=to_the_end)
            found[name].append(evaluation)
            print(
                f"candidate {number}, {name}: clean {evaluation.measurement.clean_accuracy:.4f}, "
                f"robust {evaluation.measurement.robust_accuracy:.4f}, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    return found


def row(spec: StudySpec, name: str, evaluations: list[Evaluation]) -> Row:
    objectives = spec.objective_values()
    measurements = [evaluation.measurement for evaluation in evaluations]
    points = np.array([losses(measurement, objectives) for measurement in measurements])
    volume = hypervolume(points, reference_losses(objectives))
    training_s = sum(evaluation.timings["training_s"] for evaluation in evaluations)
    return Row(
        setting=name,
        training_s=training_s,
        clean_accuracy=tuple(measurement.clean_accuracy for measurement in measurements),
        robust_accuracy=tuple(measurement.robust_accuracy for measurement in measurements),
        hypervolume=volume,
        rate=volume / training_s,
    )


def compare(
    *, storage: str, study: str, data_dir: Path | None, epochs: int, n_candidates: int, n_examples: int
) -> list[Row]:
    memory = open_memory(storage)
    record = memory.repository.get_study(study)
    spec = parse_spec(record.spec, source=f"stored study {study!r}")
    dataset = load_data(spec, data_dir=data_dir, synthetic=record.is_synthetic)
    check_same_data(record, dataset)
    parents = _StoredParent(
        ParentStore(
            spec,
            dataset,
            study_id=record.id,
            repository=memory.repository,
            artifacts=memory.artifacts,
            patience=Patience(lambda: False, rng=random.Random(0)),
        )
    )
    evaluators = {
        setting.name: Evaluator(
            with_setting(spec, setting, epochs=epochs), first_examples(dataset, n_examples), parents
        )
        for setting in SETTINGS
    }
    found = train_all(evaluators, few_candidates(spec, dataset, n_candidates), seed=spec.seed)
    return [row(spec, name, evaluations) for name, evaluations in found.items()]


def print_table(rows: list[Row]) -> None:
    print(f"{'setting':<22}{'training s':>11}{'clean':>8}{'robust':>8}{'hypervolume':>13}{'per second':>12}")
    for item in rows:
        clean, robust = np.mean(item.clean_accuracy), np.mean(item.robust_accuracy)
        print(
            f"{item.setting:<22}{item.training_s:>11.1f}{clean:>8.4f}{robust:>8.4f}"
            f"{item.hypervolume:>13.5g}{item.rate:>12.4g}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", required=True, help="database of a study whose float parent is trained")
    parser.add_argument("--study", default="cifar", help="its name")
    parser.add_argument("--data-dir", type=Path, help="where its data are")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--candidates", type=int, default=3, help="the baseline with Jacobian terms and draws")
    parser.add_argument("--examples", type=int, default=32_000, help="training examples")
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    rows = compare(
        storage=arguments.storage,
        study=arguments.study,
        data_dir=arguments.data_dir,
        epochs=arguments.epochs,
        n_candidates=arguments.candidates,
        n_examples=arguments.examples,
    )
    print_table(rows)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(item) for item in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
