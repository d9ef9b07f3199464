"""Whether the data sets of the presets are there; they are read, but never downloaded."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from search.data.cifar10 import load_cifar10
from search.data.dataset import RawData
from search.data.digits import load_digits
from search.health.finding import Finding, Status
from spaces.errors import DataError
from spaces.spec_files import load_spec, preset_names


def _no_download() -> None:
    raise DataError("Keras' download (not tried here; `launch` tries it)")


# Without the downloads that the sources of the same names try at the end.
_READERS: dict[str, Callable[[Path | None], RawData]] = {
    "digits": load_digits,
    "cifar10": partial(load_cifar10, download=_no_download),
}


def data_findings(
    data_dir: Path | None, *, readers: Mapping[str, Callable[[Path | None], RawData]] = _READERS
) -> list[Finding]:
    """Return a finding for the data of every preset; reading them takes some seconds.

    Args:
        data_dir: where data sets are looked for first.
        readers: data set -> what reads it.
    """
    names = {preset: str(load_spec(preset).data.name) for preset in preset_names()}
    return [_finding(preset, name, readers[name], data_dir) for preset, name in names.items()]


def _finding(preset: str, name: str, read: Callable[[Path | None], RawData], data_dir: Path | None) -> Finding:
    what = f"data of {preset}"
    try:
        raw = read(data_dir)
    except DataError as error:
        found, _, way_out = str(error).partition(". ")
        return Finding(what=what, status=Status.WARNING, text=found, advice=way_out)
    text = f"{name}: {len(raw.x_train):,} training and {len(raw.x_test):,} test examples"
    return Finding(what=what, status=Status.OK, text=f"{text}; {raw.note}" if raw.note else text)
