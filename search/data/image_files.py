"""What the file formats of 32 x 32 colour images share: arrays out of an `.npz`, and the check of what came out."""

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import RawData
from spaces.errors import DataError

IMAGE_SHAPE = (32, 32, 3)
_PARTS = ("x_train", "y_train", "x_test", "y_test")

# What a damaged zip or array header was seen to raise: zipfile a RuntimeError for a feature it lacks, NumPy's header
# parser a TokenError.
_NPZ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    lzma.LZMAError,
)


def read_arrays(path: Path, *, what: str, optional: tuple[str, ...] = ()) -> dict[str, NDArray[Any]]:
    """Read `x_train`, `y_train`, `x_test`, `y_test`, and the optional arrays where they are there.

    Args:
        path: the `.npz` file.
        what: the data's name, for errors.
        optional: names of further arrays.

    Raises:
        DataError: the file is damaged or does not hold these arrays.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in (*_PARTS, *(name for name in optional if name in archive))}
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}; it must hold x_train, y_train, x_test and y_test.") from error
    except _NPZ_ERRORS as error:
        raise damaged(path, what, error) from error


def raw_images(parts: Mapping[str, NDArray[Any]], path: Path, *, name: str, is_exact: bool, note: str) -> RawData:
    """Return ten classes of images in [0, 1].

    Args:
        parts: `x_train`, `y_train`, `x_test`, `y_test`; labels of any shape with one element an image.
        path: where they are from, for errors.
        name, is_exact, note: as in `RawData`.

    Raises:
        DataError: the arrays are no such images or labels.
    """
    for key in ("x_train", "x_test"):
        array = parts[key]
        if array.dtype != np.uint8 or array.shape[1:] != IMAGE_SHAPE:
            raise DataError(f"{path}: {key} must be uint8 of shape [n, 32, 32, 3]; got {array.dtype} {array.shape}.")
    try:
        return RawData(
            name=name,
            x_train=np.ascontiguousarray(parts["x_train"]),
            y_train=parts["y_train"].reshape(-1),  # Keras keeps labels as [n, 1]
            x_test=np.ascontiguousarray(parts["x_test"]),
            y_test=parts["y_test"].reshape(-1),
            input_scale=1 / 255,
            input_range=(0.0, 1.0),
            n_classes=10,
            image=True,
            is_exact=is_exact,
            note=note,
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def damaged(path: Path, what: str, error: Exception) -> DataError:
    """Return the error for a file that cannot be read."""
    reason = str(error) or type(error).__name__
    return DataError(f"{path}: cannot be read as {what}, it is damaged or incomplete ({reason}); replace or remove it.")
