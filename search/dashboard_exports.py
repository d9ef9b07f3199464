"""Exports for the dashboard: `python -m search export` in a process of its own, because that loads TensorFlow.

What a browser sends never becomes a path: the study must be stored, formats and targets are names of known ones, and
the export goes to a folder that is made for it.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from search.exporters.names import FORMATS
from spaces.errors import ExportError, SelectionError
from spaces.target_names import target_names
from storage.records import TrialState
from storage.repository import Repository

TIME_LIMIT_S = 1800.0

_MAX_AT_ONCE = 2  # each loads TensorFlow
_LAST_WORDS_S = 5.0  # to read what an export that was ended had still written
_STORAGE_VARIABLE = "SEARCH_STORAGE"
_DATE_TIME = (1980, 1, 1, 0, 0, 0)  # of every file, so that equal models make equal archives


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """What every export of a dashboard shares.

    Attributes:
        storage: database URL or SQLite path; the process finds it in its environment, which only its user may read.
        data_dir: where data sets are looked for first.
        command: what starts the service's command line.
        time_limit_s: seconds after which an export is ended.
    """

    storage: str
    data_dir: Path | None = None
    command: tuple[str, ...] = (sys.executable, "-m", "search")
    time_limit_s: float = TIME_LIMIT_S


class SubprocessExports:
    """Makes archives of models, one at a time for each trial and at most two in all."""

    def __init__(self, repository: Repository, settings: ExportSettings) -> None:
        """Export the studies of a repository, whose database the settings name."""
        self._repository, self._settings = repository, settings
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], subprocess.Popen[str] | None] = {}

    def formats(self) -> Sequence[str]:
        """Return the names of the formats, the default first."""
        return tuple(FORMATS)

    def targets(self) -> Sequence[str]:
        """Return the names of the devices."""
        return tuple(target_names())

    def export(self, study: str, number: int, *, formats: Sequence[str], target: str | None) -> bytes:
        """Return a zip archive of a trial's model.

        Raises:
            SelectionError: there is no such study, or the trial is not complete.
            ExportError: unknown format or target, an export of the trial runs already, too many run, it took too long
                or failed; the message then is the export's own.
            StorageError: the database failed.
        """
        self._check(study, number, formats, target)
        with self._place(study, number), tempfile.TemporaryDirectory(prefix="cosearch-export-") as scratch:
            out = Path(scratch) / "out"
            self._run(study, number, self._command(study, number, formats, target, out))
            return archive(_only_folder(out), name=f"trial-{number}")

    def close(self) -> None:
        """End the exports that run, with all that they started."""
        with self._lock:
            for process in self._running.values():
                if process is not None and process.returncode is None:
                    _kill_group(process)

    def _check(self, study: str, number: int, formats: Sequence[str], target: str | None) -> None:
        unknown = [name for name in formats if name not in FORMATS]
        if unknown or not formats:
            raise ExportError(f"formats are {', '.join(FORMATS)}; got {', '.join(unknown) or 'none'}.")
        if target is not None and target not in target_names():
            raise ExportError(f"targets are {', '.join(target_names())}; got {target!r}.")
        trial = self._repository.trial(self._repository.get_study(study).id, number)
        if trial.state is not TrialState.COMPLETE:
            raise SelectionError(f"trial {number} of study {study!r} is {trial.state.value}; choose a complete trial.")

    def _command(
        self, study: str, number: int, formats: Sequence[str], target: str | None, out: Path
    ) -> tuple[str, ...]:
        # With = an option's value is never taken for another option.
        options = [f"--study={study}", f"--select=trial:{number}", f"--format={','.join(dict.fromkeys(formats))}"]
        if target is not None:
            options.append(f"--target={target}")
        if self._settings.data_dir is not None:
            options.append(f"--data-dir={self._settings.data_dir.absolute()}")
        return (*self._settings.command, "export", *options, f"--out={out}")

    @contextmanager
    def _place(self, study: str, number: int) -> Iterator[None]:
        with self._lock:
            if (study, number) in self._running:
                raise ExportError(f"trial {number} of study {study!r} is being exported already; wait for its archive.")
            if len(self._running) >= _MAX_AT_ONCE:
                raise ExportError(f"{_MAX_AT_ONCE} exports run already; try again when one of them is done.")
            self._running[study, number] = None
        try:
            yield
        finally:
            with self._lock:
                del self._running[study, number]

    def _run(self, study: str, number: int, command: Sequence[str]) -> None:
        environment = {**os.environ, _STORAGE_VARIABLE: self._settings.storage, "NO_COLOR": "1"}
        try:
            process = _start(command, environment)
        except OSError as error:
            raise ExportError(f"the export cannot be started: {error.strerror or error}.") from error
        with self._lock:
            self._running[study, number] = process
        try:
            errors = _wait(process, self._settings.time_limit_s)
        except subprocess.TimeoutExpired:
            raise ExportError(
                f"the export of trial {number} took longer than {self._settings.time_limit_s:.0f} s and was ended; "
                "ask for fewer formats at once, or run `export` yourself."
            ) from None
        if process.returncode != 0:
            raise ExportError(_reason(errors, process.returncode))


def archive(folder: Path, *, name: str) -> bytes:
    """Return a zip of a folder's files below another name for the folder.

    Raises:
        ExportError: the folder cannot be read.
    """
    with tempfile.TemporaryFile() as file:
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
                for path in sorted(item for item in folder.rglob("*") if item.is_file() and not item.is_symlink()):
                    member = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", _DATE_TIME)
                    member.compress_type = zipfile.ZIP_DEFLATED
                    member.external_attr = 0o644 << 16
                    with path.open("rb") as source, packed.open(member, "w") as sink:
                        shutil.copyfileobj(source, sink)
        except OSError as error:
            raise ExportError(f"the archive cannot be written: {error.strerror or error}.") from error
        file.seek(0)
        return file.read()


def _start(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C of the dashboard is not the export's; a group that is ended as a whole
    )


def _wait(process: "subprocess.Popen[str]", time_limit_s: float) -> str:
    """Return what a process of `_start` wrote as errors; nothing of its group runs on.

    Raises:
        TimeoutExpired: it took too long.
    """
    with process:  # closes the pipe, which a process that left the group may hold open
        try:
            return process.communicate(timeout=time_limit_s)[1]
        finally:
            _kill_group(process)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_LAST_WORDS_S)


def _kill_group(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, signal.SIGKILL)


def _only_folder(out: Path) -> Path:
    folders = list(out.iterdir()) if out.is_dir() else []
    if len(folders) != 1 or not folders[0].is_dir():
        raise ExportError(f"the export left {len(folders)} entries where one folder was expected.")
    return folders[0]


def _reason(errors: str, code: int) -> str:
    """Return the line in which the command line says what is wrong, or its last line."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (said or lines or [f"the export ended with exit code {code} and said nothing."])[-1]
