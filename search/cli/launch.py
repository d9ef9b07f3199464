"""`launch`: create a study or take it up, run its trials, print the front."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from search.cli.options import DEFAULT_STORAGE, StorageOption
from spaces.errors import SpecError

_INTERRUPTED = 130


def launch(
    study: Annotated[str, typer.Option("--study", help="A preset (digits, cifar) or a TOML file.")] = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    trials: Annotated[int | None, typer.Option("--trials", min=2, help="Trials to train, baselines included.")] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Folder to look for data in first.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="'synthetic' draws images for a dry run, in a study of its own name.")
    ] = None,
    sampler: Annotated[str, typer.Option("--sampler", help="tpe, nsga2 or random.")] = "tpe",
    parent: Annotated[Path | None, typer.Option("--parent", help="Your own float model of the topology, .h5.")] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep models that left the front too.")] = False,
) -> None:
    """Search: create the study or go on with it; ends with its Pareto front."""
    from search.bootstrap import LaunchOptions, open_memory, prepare_worker
    from search.cli.front_table import print_front

    if data not in (None, "synthetic"):
        raise SpecError(f"--data takes only 'synthetic'; got {data!r}. A study file names its data under [data].")
    overrides: dict[str, Any] = {}
    if trials is not None:
        overrides["budget.trials"] = trials
    if parent is not None:
        overrides["parent.file"] = str(parent)
    options = LaunchOptions(
        study=study,
        storage=storage,
        data_dir=data_dir,
        synthetic=data == "synthetic",
        sampler=sampler,
        keep_all=keep_all,
        overrides=overrides,
    )
    console = Console()
    with console.status("preparing data and study"):
        from search.cli.progress import LaunchProgress

        progress = LaunchProgress(console)
        worker = prepare_worker(options, progress, _stop_on_interrupt(console))
    # Imported here, because it comes with TensorFlow: what is wrong with the study file is said before that.
    from search.training.fit import StopRequestedError

    try:
        with progress:
            is_complete = worker.run()
    except StopRequestedError:
        is_complete = False
    if not is_complete:
        console.print("stopped; the same command goes on where this one ended")
        raise typer.Exit(_INTERRUPTED)
    print_front(console, open_memory(storage).repository, worker.study_name)
    _print_next(console, worker.study_name, storage)


def _stop_on_interrupt(console: Console) -> Callable[[], bool]:
    """Turn the first Ctrl-C into a wish that the worker grants after the batch; a second one interrupts at once."""
    wanted = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal wanted
        if wanted:
            signal.default_int_handler(number, frame)
        wanted = True
        console.print("stopping after this batch; press Ctrl-C again to stop at once")

    signal.signal(signal.SIGINT, handle)
    return lambda: wanted


def _print_next(console: Console, name: str, storage: str) -> None:
    where = "" if storage == DEFAULT_STORAGE else f" --storage {storage}"
    console.print("\nnext:")
    for command in (
        f"python -m search front --study {name}{where}",
        f"python -m search report --study {name}{where} --out report.html",
        f"python -m search export --study {name}{where} --select knee --format keras --out exported",
        f"optuna-dashboard {_dashboard_url(storage)}",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True)


def _dashboard_url(storage: str) -> str:
    from storage.sql import masked, normalize_url

    return masked(normalize_url(storage))
