"""`launch`: create a study or take it up, run its trials, print the front."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from search.cli.consoles import notices, results, write_json
from search.cli.interrupt import EXIT_INTERRUPTED, StopAfterBatch
from search.cli.launch_options import (
    AddressOption,
    CpusOption,
    DataOption,
    EarlyStoppingMode,
    EarlyStoppingOption,
    Engine,
    EngineOption,
    GpusOption,
    ParentOption,
    StudyFileOption,
    TrialsOption,
    WarmStartOption,
    WorkersOption,
)
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, KeepAllOption, SamplerOption, StorageOption
from search.cli.stop_signals import sigterm_as_ctrl_c
from spaces.errors import SpecError

if TYPE_CHECKING:
    from dashboards.snapshot import StudySnapshot
    from search.bootstrap import LaunchOptions
    from search.cli.progress import LaunchProgress
    from storage.records import StudyRecord


def launch(
    study: StudyFileOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    trials: TrialsOption = None,
    workers: WorkersOption = 1,
    engine: EngineOption = Engine.LOCAL,
    address: AddressOption = None,
    cpus_per_worker: CpusOption = None,
    gpus_per_worker: GpusOption = None,
    data_dir: DataDirOption = None,
    data: DataOption = None,
    sampler: SamplerOption = "tpe",
    parent: ParentOption = None,
    early_stopping: EarlyStoppingOption = None,
    warm_start: WarmStartOption = None,
    keep_all: KeepAllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search: create the study or go on with it; ends with its Pareto front."""
    from search.bootstrap import LaunchOptions

    if data not in (None, "synthetic"):
        raise SpecError(f"--data takes only 'synthetic'; got {data!r}. A study file names its data under [data].")
    if engine is not Engine.RAY:
        _check_none_given(
            {"--address": address, "--cpus-per-worker": cpus_per_worker, "--gpus-per-worker": gpus_per_worker}
        )
    options = LaunchOptions(
        study=study,
        storage=storage,
        data_dir=data_dir,
        synthetic=data == "synthetic",
        sampler=sampler,
        keep_all=keep_all,
        overrides=_overrides(trials=trials, parent=parent, early_stopping=early_stopping, warm_start=warm_start),
    )
    console = notices(beside_results=as_json)
    if engine is Engine.RAY:
        each = cpus_per_worker or 1, gpus_per_worker or 0.0
        name = _supervise_on_ray(console, options, n_workers=workers, each=each, address=address or "auto")
    else:
        name = _search(console, options) if workers == 1 else _supervise(console, options, n_workers=workers)
    _end(console, name, storage, as_json=as_json)


def _overrides(
    *, trials: int | None, parent: Path | None, early_stopping: EarlyStoppingMode | None, warm_start: str | None
) -> dict[str, Any]:
    """Return the dotted keys of the specification that flags replace."""
    flags = {
        "budget.trials": trials,
        "parent.file": None if parent is None else str(parent),
        "early_stopping.mode": None if early_stopping is None else early_stopping.value,
        "warm_start.study": warm_start,
    }
    return {key: value for key, value in flags.items() if value is not None}


def _end(console: Console, name: str | None, storage: str, *, as_json: bool) -> None:
    """Print what came of the launch; None stands for a study whose work was interrupted.

    Raises:
        NoResultError: the work is done, and no trial is complete.
    """
    if name is None:
        console.print("stopped; the same command goes on where this one ended")
        raise typer.Exit(EXIT_INTERRUPTED)
    from dashboards.reading import read_snapshot
    from search.bootstrap import open_memory
    from search.cli.no_result import check_has_result

    memory = open_memory(storage)
    snapshot = read_snapshot(memory.repository, name).with_audits(memory.audits)
    if as_json:
        _write_outcome(snapshot)
    else:
        _print_outcome(console, snapshot, storage)
    check_has_result(snapshot)


def _check_none_given(of_ray: Mapping[str, Any]) -> None:
    """Check that no flag was given that only a Ray cluster takes.

    Raises:
        SpecError: one was.
    """
    given = [flag for flag, value in of_ray.items() if value is not None]
    if given:
        raise SpecError(f"{', '.join(given)}: only for a Ray cluster; add --engine ray, or leave this out.")


def _search(console: Console, options: "LaunchOptions") -> str | None:
    """Run the study's trials here and return its name, None if Ctrl-C ended them before the work was done."""
    with sigterm_as_ctrl_c(), StopAfterBatch(console) as interrupt:
        return _work(console, options, interrupt)


def _work(console: Console, options: "LaunchOptions", interrupt: StopAfterBatch) -> str | None:
    from search.bootstrap import prepare_worker
    from search.cli.progress import LaunchProgress

    progress = LaunchProgress(console)
    with console.status("preparing data and study"):
        worker = prepare_worker(options, progress, interrupt.is_wanted)
        progress.is_synthetic = worker.study.is_synthetic
    # Imported here, because it comes with TensorFlow: what is wrong with the study file is said before that.
    from search.training.fit import StopRequestedError

    interrupt.begin_training()
    try:
        with progress:
            return worker.study.name if worker.run() else None
    except StopRequestedError:
        return None


def _supervise(console: Console, options: "LaunchOptions", *, n_workers: int) -> str | None:
    """Run the study's trials in worker processes and return its name, None if Ctrl-C ended them before."""
    from search.cli.supervision import supervise
    from search.local_launch import LocalOptions, check_worker_count

    check_worker_count(options.storage, n_workers)
    study, progress = _store(console, options, n_workers=n_workers)
    local = LocalOptions(
        storage=options.storage,
        n_workers=n_workers,
        data_dir=options.data_dir,
        sampler=options.sampler,
        keep_all=options.keep_all,
    )
    return study.name if supervise(console, study, local, progress) else None


def _supervise_on_ray(
    console: Console, options: "LaunchOptions", *, n_workers: int, each: tuple[int, float], address: str
) -> str | None:
    """Run the study's trials on a Ray cluster and return its name, None if Ctrl-C ended them before.

    Each worker gets the processors and the GPUs that `each` says.
    """
    from search.cli.ray_supervision import supervise_on_ray
    from search.launchers.ray_cluster import connected
    from search.ray_launch import RayOptions, check_cluster

    cpus, gpus = each
    ray = RayOptions(
        storage=options.storage,
        n_workers=n_workers,
        cpus_per_worker=cpus,
        gpus_per_worker=gpus,
        data_dir=options.data_dir,
        sampler=options.sampler,
        keep_all=options.keep_all,
    )
    with connected(address) as cluster:
        check_cluster(cluster, ray)  # before the study is made, which takes a while
        study, progress = _store(console, options, n_workers=n_workers)
        return study.name if supervise_on_ray(console, study, ray, progress, cluster=cluster) else None


def _store(console: Console, options: "LaunchOptions", *, n_workers: int) -> "tuple[StudyRecord, LaunchProgress]":
    """Create the study or take it up; return it and what prints its trials."""
    from search.bootstrap import prepare_study
    from search.cli.progress import LaunchProgress

    with StopAfterBatch(console) as interrupt, console.status("preparing data and study"):
        study = prepare_study(options)
        interrupt.check_not_lost()
    progress = LaunchProgress(console, n_workers=n_workers)
    progress.is_synthetic = study.is_synthetic
    return study, progress


def _write_outcome(snapshot: "StudySnapshot") -> None:
    from search.cli.front_table import front_values
    from search.cli.status import status_values

    write_json({"study": status_values(snapshot), "front": front_values(snapshot)})


def _print_outcome(console: Console, snapshot: "StudySnapshot", storage: str) -> None:
    from search.cli.front_table import print_front
    from search.cli.next_commands import print_next

    print_front(results(), snapshot)
    print_next(console, snapshot.study.name, storage, has_front=bool(snapshot.front_numbers))
