"""Puts a launch with several worker processes together: their names, threads and commands, and the watch over them."""

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from search.launchers.local import LaunchListener, LocalLauncher, LocalWorkers
from search.launchers.study_watch import PaceListener, watch_stored
from search.launchers.worker_log import claim_logs
from search.listener import Listener
from search.threads import available_cpus
from spaces.errors import SetupError
from storage.artifacts import default_root
from storage.records import StudyRecord
from storage.sql import masked, normalize_url
from storage.workers import MAX_SQLITE_WORKERS

LOG_FOLDER = "logs"
_STORAGE_VARIABLE = "SEARCH_STORAGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What `launch --workers` was given.

    Attributes:
        storage: database URL or SQLite path.
        n_workers: processes.
        data_dir: where data sets are looked for first.
        sampler: a name of `search.samplers.SAMPLERS`.
        keep_all: keep the models that left the front too.
    """

    storage: str
    n_workers: int
    data_dir: Path | None
    sampler: str
    keep_all: bool


class SupervisorListener(LaunchListener, PaceListener, Protocol):
    """Follows the processes and the work as a whole."""


def check_worker_count(storage: str, n_workers: int) -> None:
    """Check that a database bears so many workers; it need not exist yet.

    Raises:
        SetupError: its name is empty or of another kind of database, or it is an SQLite file and they are too many.
    """
    url = normalize_url(storage)
    if url.startswith("sqlite") and n_workers > MAX_SQLITE_WORKERS:
        raise SetupError(
            f"--workers {n_workers}: {masked(url)} is an SQLite file, which bears at most {MAX_SQLITE_WORKERS} "
            "workers; take fewer, or PostgreSQL: --storage postgresql://user@host:5432/name."
        )


def prepare_local_launch(
    study: StudyRecord,
    options: LocalOptions,
    *,
    listener: Listener,
    supervisor_listener: SupervisorListener,
    stop_requests: Callable[[], int],
) -> LocalLauncher:
    """Return the launcher of a stored study's workers.

    The workers find the database in their environment, because a command line is for everybody to read.

    Args:
        study: as stored.
        options: of the launch.
        listener: hears of every trial that is finished from now on.
        supervisor_listener: hears of the processes and of their pace.
        stop_requests: how often a stop was asked for, as `LocalLauncher` takes it.

    Raises:
        SetupError: too many workers for the database, or a log cannot be written.
        StorageError: the database cannot be used.
    """
    check_worker_count(options.storage, options.n_workers)
    url = normalize_url(options.storage)
    watch = watch_stored(url, study, listener=listener, pace_listener=supervisor_listener)
    workers = LocalWorkers(
        logs=claim_logs(default_root(url) / LOG_FOLDER, host=platform.node() or "host", n_workers=options.n_workers),
        command=lambda name: worker_command(study.name, name, options),
        environment={**os.environ, _STORAGE_VARIABLE: options.storage},
    )
    return LocalLauncher(workers, watch=watch, listener=supervisor_listener, stop_requests=stop_requests)


def worker_command(study: str, name: str, options: LocalOptions) -> list[str]:
    """Return the command of one worker; the processors of the machine are divided among all."""
    n_threads = max(1, available_cpus() // options.n_workers)
    command = [sys.executable, "-m", "search", "worker", "--study", study, "--name", name]
    command += ["--threads", str(n_threads), "--sampler", options.sampler, "--stop-with-stdin"]
    if options.data_dir is not None:
        command += ["--data-dir", str(options.data_dir)]
    return [*command, "--keep-all"] if options.keep_all else command
