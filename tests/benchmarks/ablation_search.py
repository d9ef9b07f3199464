"""One search of `tests.benchmarks.ablation` in a process of its own: an ordinary study, up to a training time.

    python -m tests.benchmarks.ablation_search '{"study": "cifar", "name": "cifar-joint", ...}'

The argument is a `SearchOptions`. What the time limits is the trials' own: the search ends after the trial that
crosses it, so that a later process finds in the database that nothing is left to do.
"""

import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from search.bootstrap import LaunchOptions, open_memory, open_parents, prepare_study, prepare_worker
from search.cli.interrupt import EXIT_INTERRUPTED
from search.evaluation import Evaluator, Watch
from search.listener import Listener
from search.patience import Patience
from search.study_data import load_data
from spaces.spec_files import parse_spec
from storage.records import TrialRecord
from tests.benchmarks.ablation_time import trial_seconds, used_s


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What one search was given.

    Attributes:
        study: a preset's name or a TOML file.
        name: of the study in the database.
        storage: path of the database.
        overrides: of the study's specification.
        budget_s: of training; None to train the float parents alone.
    """

    study: str
    name: str
    storage: str
    data_dir: str | None
    overrides: Mapping[str, Any]
    budget_s: float | None

    def launch(self) -> LaunchOptions:
        """Return what `launch` would be given; the number of trials sets no limit."""
        return LaunchOptions(
            study=self.study,
            storage=self.storage,
            data_dir=None if self.data_dir is None else Path(self.data_dir),
            synthetic=False,
            sampler="tpe",
            keep_all=False,
            overrides={**self.overrides, "name": self.name, "budget.trials": 1_000_000},
        )


class _Clock(Listener):
    """Listens to the worker, prints its trials, and says when their time is over."""

    def __init__(self, name: str, used: float, budget_s: float) -> None:
        self._name, self._used_s, self._budget_s = name, used, budget_s

    def should_stop(self) -> bool:
        return self._used_s >= self._budget_s

    def trial_finished(self, record: TrialRecord, *_: object) -> None:
        self._used_s += trial_seconds(record)
        told, figures = f"{record.state}: {record.reason}", record.measurement
        if figures is not None:
            accuracies = f"clean {figures.clean_accuracy:.3f}  robust {figures.robust_accuracy:.3f}"
            told = f"{accuracies}  {figures.size_bytes:,} bytes"
        print(f"{self._name} trial {record.number}: {told}  [{self._used_s:.0f}/{self._budget_s:.0f} s]", flush=True)

    def space_exhausted(self, *_: object) -> None:
        print(f"{self._name}: every candidate was tried after {self._used_s:.0f} s", flush=True)


def run_search(options: SearchOptions, budget_s: float) -> None:
    """Search until the trials' time is spent, or every candidate was tried."""
    study = prepare_study(options.launch())
    memory = open_memory(options.storage)
    clock = _Clock(options.name, used_s(memory.repository.trials(study.id)), budget_s)
    if not clock.should_stop():
        prepare_worker(options.launch(), clock, clock.should_stop).run()


def train_parents(options: SearchOptions) -> None:
    """Train the float parents of every topology of the study, or go on with them."""
    launch = options.launch()
    study = prepare_study(launch)
    spec = parse_spec(study.spec, source=options.study)
    if spec.training.start != "parent":
        return
    dataset = load_data(spec, data_dir=launch.data_dir, synthetic=False)
    patience = Patience(lambda: False, rng=random.Random())
    store = open_parents(open_memory(options.storage), study, spec, dataset, patience)
    evaluator = Evaluator(spec, dataset, store)
    watch = Watch(
        on_parent=lambda choices: print(f"training the float parent of {dict(choices)}", flush=True),
        on_progress=lambda _: None,
        should_stop=lambda: False,
    )
    choices = spec.topology.choices()
    for values in product(*choices.values()):
        evaluator.parent(dict(zip(choices, values, strict=True)), watch=watch)


def main() -> None:
    options = SearchOptions(**json.loads(sys.argv[1]))
    try:
        if options.budget_s is None:
            train_parents(options)
        else:
            run_search(options, options.budget_s)
    except KeyboardInterrupt:  # the runner says how to go on
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
