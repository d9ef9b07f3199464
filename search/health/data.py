"""Whether the data sets of the presets are there; they are read, but never downloaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeAlias

from search.data.cifar10 import load_cifar10
from search.data.dataset import RawData
from search.data.digits import load_digits
from search.data.speech_commands import find_speech_folder
from search.data.speech_folder import Part, clips_of
from search.data.svhn import load_svhn
from search.health.finding import Finding, Status
from spaces.errors import DataError
from spaces.spec_files import load_spec, preset_names
from spaces.study_spec import DataSpec


def _no_download(_folder: Path) -> NoReturn:
    raise DataError("the download (not tried here; `launch` tries it)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSummary:
    """What is told of a data set: its numbers of examples, and what a reader of figures has to know."""

    n_train: int
    n_test: int
    note: str = ""

    @classmethod
    def of_raw(cls, raw: RawData) -> "DataSummary":
        """Return the summary of loaded data."""
        return cls(n_train=len(raw.x_train), n_test=len(raw.x_test), note=raw.note)


Reader: TypeAlias = Callable[[DataSpec, Path | None], DataSummary]


def reader(load: Callable[[Path | None], RawData]) -> Reader:
    """Return a reader that loads all of a data set."""
    return lambda _, data_dir: DataSummary.of_raw(load(data_dir))


def _count_recordings(spec: DataSpec, data_dir: Path | None) -> DataSummary:
    """Count the recordings; their features, which take minutes, are left to the study."""
    folder = find_speech_folder(data_dir, download=_no_download)
    parts = {part: len(clips) for part, clips in clips_of(folder, spec.keywords).items()}
    return DataSummary(
        n_train=parts[Part.TRAIN] + parts[Part.VALIDATION], n_test=parts[Part.TEST], note=f"recordings of {folder}"
    )


# Without the downloads that the sources of the same names try at the end.
_READERS: dict[str, Reader] = {
    "digits": reader(load_digits),
    "cifar10": reader(partial(load_cifar10, download=_no_download)),
    "svhn": reader(partial(load_svhn, download=_no_download)),
    "speech_commands": _count_recordings,
}


def data_findings(data_dir: Path | None, *, readers: Mapping[str, Reader] = _READERS) -> list[Finding]:
    """Return a finding for the data of every preset; reading them takes some seconds.

    Args:
        data_dir: where data sets are looked for first.
        readers: data set -> what reads it.
    """
    specs = {preset: load_spec(preset).data for preset in preset_names()}
    return [_finding(preset, spec, readers[str(spec.name)], data_dir) for preset, spec in specs.items()]


def _finding(preset: str, spec: DataSpec, read: Reader, data_dir: Path | None) -> Finding:
    what = f"data of {preset}"
    try:
        found = read(spec, data_dir)
    except DataError as error:
        problem, _, way_out = str(error).partition(". ")
        return Finding(what=what, status=Status.WARNING, text=problem, advice=way_out)
    text = f"{spec.name}: {found.n_train:,} training and {found.n_test:,} test examples"
    return Finding(what=what, status=Status.OK, text=f"{text}; {found.note}" if found.note else text)
