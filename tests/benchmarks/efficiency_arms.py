"""One search of `tests.benchmarks.search_efficiency` in a process of its own, from its first import to its last trial.

    python -m tests.benchmarks.efficiency_arms '{"arm": "ours", "seed": 1, ...}'

The argument is an `ArmOptions`; the run is written to its `out`.
"""

import time

_STARTED = time.monotonic()  # before the imports, which take seconds that a user waits too

import json  # noqa: E402
import math  # noqa: E402
import sys  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from contextlib import suppress  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import optuna  # noqa: E402

from search.bootstrap import LaunchOptions, open_memory, prepare_worker  # noqa: E402
from search.evaluation import Evaluator, Watch  # noqa: E402
from search.listener import Listener  # noqa: E402
from search.models.topologies import make_all_topologies  # noqa: E402
from search.study_data import load_data  # noqa: E402
from search.study_replay import replay_stopping  # noqa: E402
from search.training.fit import StopRequestedError  # noqa: E402
from search.worker import trial_seed  # noqa: E402
from spaces.errors import TrialError  # noqa: E402
from spaces.measurement import Measurement  # noqa: E402
from spaces.objectives import losses, violations  # noqa: E402
from spaces.search_space import SearchSpace  # noqa: E402
from spaces.spec_files import load_spec, parse_spec  # noqa: E402
from spaces.study_spec import StudySpec  # noqa: E402
from storage.records import TrialRecord  # noqa: E402
from tests.benchmarks.efficiency_curves import Found, Replay, Run  # noqa: E402
from tests.benchmarks.efficiency_options import NSGA2, OURS, PLAIN, RANDOM, WITHOUT, ArmOptions  # noqa: E402

_MANY = 1_000_000
_OFF = {
    "early_stopping.mode": "off",
    "warm_start.priors": 0,
    "warm_start.inherit": False,
    "warm_start.study": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A way to search with the service.

    Attributes:
        overrides: of the study, as `LaunchOptions` has them.
    """

    sampler: str
    overrides: Mapping[str, Any]


# "watch" measures at the rungs and stops nobody, so that the same run says what stopping would have done.
SERVICE_ARMS = {
    OURS: Arm(sampler="tpe", overrides={}),
    WITHOUT: Arm(sampler="tpe", overrides={**_OFF, "early_stopping.mode": "watch"}),
    NSGA2: Arm(sampler="nsga2", overrides=_OFF),
    RANDOM: Arm(sampler="random", overrides=_OFF),
}


@dataclass
class _Log(Listener):
    """Notes what a search finds; it is its own listener."""

    spec: StudySpec
    deadline_s: float
    found: list[Found] = field(default_factory=list)
    n_begun: int = 0

    def should_stop(self) -> bool:
        return time.monotonic() - _STARTED > self.deadline_s

    def note(self, measurement: Measurement) -> None:
        broken = violations(measurement, self.spec.constraint_values())
        is_feasible = measurement.withheld_reason is None and all(violation <= 0 for violation in broken)
        point = losses(measurement, self.spec.objective_values())
        elapsed_s = time.monotonic() - _STARTED
        self.found.append(
            Found(
                elapsed_s=elapsed_s, own_s=time.process_time(), losses=tuple(map(float, point)), is_feasible=is_feasible
            )
        )

    def trial_started(self, *_: object) -> None:
        self.n_begun += 1

    def trial_finished(self, record: TrialRecord, *_: object) -> None:
        if record.measurement is not None:
            self.note(record.measurement)


class _NoParents:
    """Stands where float parents are kept; from random weights none is asked for."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a training from random weights asked for a float parent: {name}")


def run_service(options: ArmOptions, arm: Arm, deadline_s: float) -> tuple[_Log, Replay | None]:
    """Search as `launch` does, in a new database."""
    storage = str(Path(options.folder) / "studies.db")
    overrides = {**arm.overrides, "seed": options.seed, "budget.trials": _MANY}
    overrides |= options.overrides if options.arm == OURS else {}
    launch = LaunchOptions(
        study=options.study,
        storage=storage,
        data_dir=None if options.data_dir is None else Path(options.data_dir),
        synthetic=False,
        sampler=arm.sampler,
        keep_all=False,
        overrides=overrides,
    )
    log = _Log(spec=load_spec(options.study, overrides=overrides), deadline_s=deadline_s)
    worker = prepare_worker(launch, log, log.should_stop)
    with suppress(StopRequestedError):
        worker.run()
    replay = _replay(storage, worker.study.name) if log.spec.early_stopping.mode == "watch" else None
    return log, replay


def run_plain(options: ArmOptions, deadline_s: float) -> _Log:
    """Search as somebody who has Optuna alone: its default sampler, every candidate built, traced and trained anew.

    The data, the choices, the training's code and the measurement are those of the study.
    """
    spec = load_spec(options.study, overrides={**_OFF, "seed": options.seed, "training.start": "scratch"})
    log = _Log(spec=spec, deadline_s=deadline_s)
    changes = {"epochs": options.plain_epochs or spec.training.epochs}
    trained = spec.model_copy(update={"training": spec.training.model_copy(update=changes)})
    data_dir = None if options.data_dir is None else Path(options.data_dir)
    dataset = load_data(spec, data_dir=data_dir, synthetic=False)
    topologies = make_all_topologies(spec.topology, input_shape=dataset.input_shape, n_classes=dataset.n_classes)
    space = SearchSpace(spec, topologies[0].slots)
    watch = Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=log.should_stop)
    parents: Any = _NoParents()

    def objective(trial: optuna.Trial) -> list[float]:
        log.n_begun += 1
        params = {item.name: trial.suggest_categorical(item.name, item.choices) for item in space.parameters}
        evaluator = Evaluator(trained, dataset, parents)
        seed = trial_seed(spec.seed, trial.number)
        measurement = evaluator.evaluate(space.decode(params), seed=seed, watch=watch).measurement
        log.note(measurement)
        return [measurement.metric(item.name) for item in spec.objectives]

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # the trial that the end of the time cuts off is no news
    directions = [item.direction.value for item in spec.objective_values()]
    default = type(optuna.create_study(directions=directions).sampler)
    study = optuna.create_study(directions=directions, sampler=default(seed=options.seed))
    with suppress(StopRequestedError):
        study.optimize(objective, n_trials=options.trials, catch=(TrialError,))
    return log


def _replay(storage: str, name: str) -> Replay | None:
    memory = open_memory(storage)
    study = memory.repository.get_study(name)
    spec = parse_spec(study.spec, source=f"stored study {name!r}")
    found = replay_stopping(memory.repository.trials(study.id), memory.rungs.rungs(study.id), spec)
    if found is None:
        return None
    return Replay(
        n_trials=found.n_trials,
        n_stopped=len(found.stopped),
        times_saved=found.times_saved,
        hypervolume_lost=found.hypervolume_lost,
    )


def main() -> None:
    options = ArmOptions(**json.loads(sys.argv[1]))
    deadline_s = math.inf if options.budget_s is None else options.budget_s
    replay = None
    if options.arm == PLAIN:
        log = run_plain(options, deadline_s)
    else:
        log, replay = run_service(options, SERVICE_ARMS[options.arm], deadline_s)
    run = Run(
        arm=options.arm,
        seed=options.seed,
        found=tuple(log.found),
        elapsed_s=time.monotonic() - _STARTED,
        own_s=time.process_time(),
        n_begun=log.n_begun,
        replay=replay,
    )
    Path(options.out).write_text(json.dumps(run.to_json()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
