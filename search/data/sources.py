"""Which data sets the service knows, and loading the one that a study names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from search.data.cifar10 import load_cifar10
from search.data.dataset import RawData
from search.data.digits import load_digits
from search.data.import_path import import_function
from search.data.input_grid import InputGrid
from search.data.sound import FRONT_END, SOUND_GRID, SOUND_RANGE
from search.data.speech_commands import MLCOMMONS_KEYWORDS, load_speech_commands
from search.data.svhn import load_svhn
from search.data.synthetic import synthetic_data
from spaces.errors import SpecError
from spaces.study_spec import DataSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set of the service; what is known of it without loading it.

    Attributes:
        load: takes the folder of `--data-dir` or None, returns the data.
        input_range: smallest and largest value of an input, in the model's input units.
        image: whether flips and shifts make sense.
        n_classes: number of classes.
        input_shape: height, width, channels.
        input_grid: the 8-bit codes of an input on a device.
        load_words: for recordings, makes `load` for the keywords of a study.
    """

    load: Callable[[Path | None], RawData]
    input_range: tuple[float, float]
    image: bool
    n_classes: int
    input_shape: tuple[int, int, int]
    input_grid: InputGrid
    load_words: Callable[[Sequence[str]], Callable[[Path | None], RawData]] | None = None


SOURCES: dict[str, Source] = {
    "digits": Source(
        load=load_digits,
        input_range=(0.0, 1.0),
        image=True,
        n_classes=10,
        input_shape=(8, 8, 1),
        input_grid=InputGrid(scale=1 / 16),
    ),
    "cifar10": Source(
        load=load_cifar10,
        input_range=(0.0, 1.0),
        image=True,
        n_classes=10,
        input_shape=(32, 32, 3),
        input_grid=InputGrid(scale=1 / 255),
    ),
    "svhn": Source(
        load=load_svhn,
        input_range=(0.0, 1.0),
        image=True,
        n_classes=10,
        input_shape=(32, 32, 3),
        input_grid=InputGrid(scale=1 / 255),
    ),
    "speech_commands": Source(
        load=load_speech_commands,
        input_range=SOUND_RANGE,
        image=False,
        n_classes=len(MLCOMMONS_KEYWORDS) + 2,
        input_shape=(FRONT_END.frames, FRONT_END.coefficients, 1),
        input_grid=SOUND_GRID,
        load_words=lambda keywords: partial(load_speech_commands, keywords=keywords),
    ),
}


def find_source(data_spec: DataSpec) -> Source | None:
    """Return what is known of the study's data without loading it; None where a loader of the user's brings it.

    Raises:
        SpecError: the service has no data set of that name, or the study names keywords of what has no words.
    """
    if data_spec.keywords and data_spec.name is None:
        raise SpecError("data.keywords are for a data set of the service; a data.loader knows its own. Remove the key.")
    if data_spec.name is None:
        return None
    if data_spec.name not in SOURCES:
        raise SpecError(
            f"data.name = {data_spec.name!r} is no data set of the service; known: {', '.join(SOURCES)}; "
            "or give data.loader."
        )
    source = SOURCES[data_spec.name]
    if not data_spec.keywords:
        return source
    if source.load_words is None:
        raise SpecError(f"data.keywords are for recordings, and data.name = {data_spec.name!r} has none; remove them.")
    n_classes = len(data_spec.keywords) + 2  # silence and unknown
    return replace(source, load=source.load_words(data_spec.keywords), n_classes=n_classes)


def load_raw(data_spec: DataSpec, *, data_dir: Path | None = None, synthetic: bool = False) -> RawData:
    """Load the data that the study names, or images drawn in its shape.

    Args:
        data_spec: the study's `data` section.
        data_dir: the folder of `--data-dir`.
        synthetic: whether drawn images were asked for in so many words.

    Raises:
        SpecError: unknown name, unusable loader, or flips and shifts asked for of what is no image.
        DataError: the data are missing or damaged.
    """
    source = find_source(data_spec)
    if synthetic:
        raw = _draw(data_spec, source)
    elif source is not None:
        raw = source.load(data_dir)
    else:
        raw = _load_user_data(str(data_spec.loader), data_dir)
    _check_augmentation(data_spec, raw)
    return raw


def _draw(data_spec: DataSpec, source: Source | None) -> RawData:
    if source is None:
        raise SpecError(
            f"--data synthetic draws images in the shape of a data set of the service; "
            f"data.loader = {data_spec.loader!r} does not tell a shape. Give data.name, one of {', '.join(SOURCES)}."
        )
    if not source.image:
        raise SpecError(f"--data synthetic draws images; data.name = {data_spec.name!r} has none.")
    return synthetic_data(
        stands_for=str(data_spec.name),
        input_shape=source.input_shape,
        n_classes=source.n_classes,
        validation_examples=data_spec.validation_examples,
    )


def _load_user_data(import_path: str, data_dir: Path | None) -> RawData:
    loader = import_function(import_path, key="data.loader")
    raw = loader(data_dir)
    if not isinstance(raw, RawData):
        raise SpecError(
            f"data.loader = {import_path!r} must return search.data.dataset.RawData; got {type(raw).__name__}."
        )
    return raw


def _check_augmentation(data_spec: DataSpec, raw: RawData) -> None:
    for key in ("shift_frames", "waveform_epsilon"):
        _check_unused(data_spec, key, raw, is_used=raw.sound is not None, what="recordings")
    for key in ("flip", "shift_pixels"):
        _check_unused(data_spec, key, raw, is_used=raw.image, what="images")


def _check_unused(data_spec: DataSpec, key: str, raw: RawData, *, is_used: bool, what: str) -> None:
    value = getattr(data_spec, key)
    if value and not is_used:
        raise SpecError(f"data.{key} = {value!r} is for {what}, and data set {raw.name!r} has none; remove the key.")
