"""Data as loaded (`RawData`), one part of it (`Split`), and all parts of a study (`Dataset`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.data.input_grid import InputGrid, to_inputs
from search.data.sound import Sound
from spaces.errors import DataError

RawInputs: TypeAlias = NDArray[np.generic]  # [n, height, width, channels], any number type
Inputs: TypeAlias = NDArray[np.float32]  # [n, height, width, channels], in the model's input units
Labels: TypeAlias = NDArray[np.int64]  # [n]


class Examples(NamedTuple):
    """Inputs in the model's units and their labels.

    Attributes:
        x: inputs.  # [n, height, width, channels]
        y: labels.  # [n]
    """

    x: Inputs
    y: Labels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawData:
    """A data set as its source gives it, before any split of the study.

    Attributes:
        name: what reports call it.
        x_train, x_test: raw inputs, e.g. uint8 pixels; times `input_scale` they are in the model's input units.
        y_train, y_test: class numbers in [0, n_classes); any integer type, kept as int64.
        input_scale: factor from raw to input units, e.g. 1/255.
        input_range: smallest and largest value of an input, in input units.
        image: whether flips and shifts make sense.
        is_synthetic: whether the examples were drawn by a procedure, for a dry run.
        is_exact: whether every example is bit for bit the published one.
        note: what a reader of the figures has to know about the data, one sentence; may be empty.
        input_grid: the 8-bit codes of an input on a device; by default those of uint8 inputs themselves, else 256
            steps over the input range.
        validation: which training examples the source itself means for validation; a study then holds out some of
            these and trains on none of them. None leaves the choice to the study.  # [n_train]
        sound: what stands behind the inputs where they are features of recordings.
    """

    name: str
    x_train: RawInputs
    y_train: Labels
    x_test: RawInputs
    y_test: Labels
    input_scale: float
    input_range: tuple[float, float]
    n_classes: int
    image: bool
    is_synthetic: bool = False
    is_exact: bool = True
    note: str = ""
    input_grid: InputGrid | None = None
    validation: NDArray[np.bool_] | None = None
    sound: Sound | None = None

    def __post_init__(self) -> None:
        low, high = self.input_range
        if not (self.input_scale > 0 and low < high and self.n_classes >= 2):
            raise DataError(
                f"data set {self.name!r} needs input_scale > 0, an input_range (low, high) with low < high and "
                f"n_classes >= 2; got {self.input_scale}, ({low:g}, {high:g}) and {self.n_classes}."
            )
        for part in ("train", "test"):
            x, y = np.asarray(getattr(self, f"x_{part}")), np.asarray(getattr(self, f"y_{part}"))
            where = f"data set {self.name!r}, {part} part"
            _check_inputs(x, where=where)
            _check_labels(y, n_examples=len(x), n_classes=self.n_classes, where=where)
            _check_range(x, self.input_scale, self.input_range, where=where)
            object.__setattr__(self, f"x_{part}", x)
            object.__setattr__(self, f"y_{part}", y.astype(np.int64))
        if self.input_grid is None:
            is_coded = self.x_train.dtype == np.uint8
            grid = InputGrid(scale=self.input_scale) if is_coded else InputGrid.of_range(self.input_range)
            object.__setattr__(self, "input_grid", grid)
        if self.validation is not None and self.validation.shape != self.y_train.shape:
            raise DataError(
                f"data set {self.name!r}: validation must say yes or no for each of {len(self.y_train)} training "
                f"examples; got shape {self.validation.shape}."
            )
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise DataError(
                f"data set {self.name!r}: train and test examples must have one shape; "
                f"got {self.x_train.shape[1:]} and {self.x_test.shape[1:]}."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """One part of the data; the inputs stay raw (a quarter of the memory for pixels) until they are asked for.

    Attributes:
        x: raw inputs, read-only.  # [n, height, width, channels]
        y: labels, read-only.  # [n]
        input_scale: factor from raw to input units.
    """

    x: RawInputs
    y: Labels
    input_scale: float

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            array = getattr(self, name).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.x)

    def inputs(self, indices: NDArray[np.int64] | slice | None = None) -> Inputs:
        """Return the inputs, or those at `indices`, in the model's input units: [n, height, width, channels]."""
        return to_inputs(self.x if indices is None else self.x[indices], self.input_scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """The parts of a study's data; train, validation and test share no example of the source.

    Attributes:
        attack_indices: positions in `validation` of the examples that every trial is attacked on.
        fingerprint: SHA-256 over the examples and the splits; a study resumes on equal fingerprints only.
        input_grid, is_synthetic, is_exact, note, sound: as in `RawData`.
        data_dir: the folder that was looked in first; what a study names beside its data is looked for there too.
    """

    name: str
    train: Split
    validation: Split
    attack_indices: NDArray[np.int64]
    test: Split
    input_range: tuple[float, float]
    n_classes: int
    fingerprint: str
    image: bool
    input_grid: InputGrid
    is_synthetic: bool = False
    is_exact: bool = True
    note: str = ""
    sound: Sound | None = None
    data_dir: Path | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one input."""
        height, width, channels = self.train.x.shape[1:]
        return height, width, channels

    @property
    def attack(self) -> Examples:
        """The attack subset in input units."""
        return Examples(self.validation.inputs(self.attack_indices), self.validation.y[self.attack_indices])

    def describe(self) -> dict[str, Any]:
        """Return what a study stores about its data, as plain JSON values."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "train_examples": len(self.train),
            "validation_examples": len(self.validation),
            "attack_examples": len(self.attack_indices),
            "test_examples": len(self.test),
            "n_classes": self.n_classes,
            "input_shape": list(self.input_shape),
            "input_range": list(self.input_range),
            "input_grid": self.input_grid.to_json(),
            "image": self.image,
            "is_synthetic": self.is_synthetic,
            "is_exact": self.is_exact,
            "note": self.note,
            **({} if self.sound is None else {"sound": self.sound.describe()}),
        }


def _check_inputs(x: RawInputs, *, where: str) -> None:
    if x.ndim != 4 or 0 in x.shape:
        raise DataError(f"{where}: inputs must have shape [n, height, width, channels], none zero; got {x.shape}.")
    if not (np.issubdtype(x.dtype, np.integer) or np.issubdtype(x.dtype, np.floating)):
        raise DataError(f"{where}: inputs must be integers or floats; got {x.dtype}.")


def _check_labels(y: NDArray[np.generic], *, n_examples: int, n_classes: int, where: str) -> None:
    if y.shape != (n_examples,) or not np.issubdtype(y.dtype, np.integer):
        raise DataError(
            f"{where}: labels must be {n_examples} integers, one for each input; got {y.dtype} of shape {y.shape}."
        )
    lowest, highest = int(np.min(y)), int(np.max(y))
    if lowest < 0 or highest >= n_classes:
        raise DataError(
            f"{where}: labels must lie in 0..{n_classes - 1} for {n_classes} classes; got {lowest}..{highest}."
        )


def _check_range(x: RawInputs, input_scale: float, input_range: tuple[float, float], *, where: str) -> None:
    # A NaN makes both ends NaN, so two passes over the data check finiteness and range together.
    lowest, highest = float(np.min(x)) * input_scale, float(np.max(x)) * input_scale
    if not np.isfinite([lowest, highest]).all():
        raise DataError(f"{where}: inputs must be finite; found NaN or infinity.")
    low, high = input_range
    tolerance = 1e-6 * max(abs(lowest), abs(highest), 1.0)
    if lowest < low - tolerance or highest > high + tolerance:
        raise DataError(
            f"{where}: inputs times input_scale = {input_scale:g} must lie in the input range [{low:g}, {high:g}]; "
            f"got {lowest:g}..{highest:g}."
        )
