"""`worker`: one process that runs trials of a stored study, as any scheduler can start it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from search.cli.consoles import notices, write_json
from search.cli.interrupt import EXIT_INTERRUPTED, StopAfterBatch
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, KeepAllOption, SamplerOption, StorageOption
from search.cli.stop_signals import sigterm_as_ctrl_c, stop_with_stdin
from spaces.errors import SetupError

if TYPE_CHECKING:
    from search.bootstrap import WorkerOptions
    from search.listener import Standing


def worker(
    study: Annotated[str, typer.Option("--study", help="Name of the stored study, or its TOML file.")],
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Unique in the study; started again under it, it goes on.")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads; without it, all.")] = None,
    sampler: SamplerOption = "tpe",
    keep_all: KeepAllOption = False,
    with_stdin: Annotated[
        bool, typer.Option("--stop-with-stdin", help="Stop when standard input ends, for supervisors.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Join a stored study and run its trials until its budget is spent; a plain line a trial where no terminal is."""
    if threads is not None:
        from search.threads import limit_threads

        limit_threads(threads)
    from search.bootstrap import WorkerOptions
    from search.cli.study_names import study_name

    if name is not None and not name.strip():
        raise SetupError("--name must not be empty, as that of an unset variable is; give a name or leave it out.")
    options = WorkerOptions(
        study=study_name(study),
        storage=storage,
        data_dir=data_dir,
        name=name,
        sampler=sampler,
        keep_all=keep_all,
    )
    console = notices(beside_results=as_json)
    with sigterm_as_ctrl_c(), StopAfterBatch(console) as interrupt:
        if with_stdin:
            stop_with_stdin()
        standing = _work(console, options, interrupt)
    if standing is None:
        console.print("stopped; another worker, or this one started again, goes on with its trial")
        raise typer.Exit(EXIT_INTERRUPTED)
    if as_json:
        write_json({"study": options.study, **asdict(standing)})
    else:
        _say_end(console, options.study, standing)


def _work(console: Console, options: "WorkerOptions", interrupt: StopAfterBatch) -> "Standing | None":
    """Run trials; return where the study stands when the work is done, None if Ctrl-C ended it before."""
    from search.bootstrap import join_worker
    from search.cli.progress import LaunchProgress

    progress = LaunchProgress(console)
    with console.status("preparing data and study"):
        joined = join_worker(options, progress, interrupt.is_wanted)
    progress.is_synthetic = joined.study.is_synthetic
    # Imported here, because it comes with TensorFlow: what is wrong with the database is said before that.
    from search.training.fit import StopRequestedError

    interrupt.begin_training()
    try:
        with progress:
            return joined.standing() if joined.run() else None
    except StopRequestedError:
        return None


def _say_end(console: Console, study: str, standing: "Standing") -> None:
    """Say why the worker ends; of a space without further candidates it was said before."""
    if standing.trained >= standing.budget:
        text = f"study {study!r} has all its trials ({standing.trained} of {standing.budget}); nothing is left to do"
        console.print(text, highlight=False, markup=False, soft_wrap=True)
