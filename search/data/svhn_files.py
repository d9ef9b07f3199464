"""Reading SVHN's cropped digits from the official MATLAB files and from `svhn.npz`."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import RawData
from search.data.image_files import IMAGE_SHAPE, damaged, raw_images, read_arrays
from spaces.errors import DataError

MAT_FILES = ("train_32x32.mat", "test_32x32.mat")
NPZ = "svhn.npz"
OFFICIAL_COUNTS = (73_257, 26_032)  # train, test
_WHAT = "SVHN"
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, IndexError, MemoryError, NotImplementedError)
_TEN = 10  # the official label of digit 0


def read_mat(folder: Path, *, is_exact: bool) -> RawData:
    """Read both official files, in which the examples are the last axis and digit 0 has label 10.

    Args:
        folder: holds the two files.
        is_exact: whether they are the published ones, byte for byte.

    Raises:
        DataError: a file is damaged or holds something else.
    """
    parts: dict[str, NDArray[Any]] = {}
    for part, name in zip(("train", "test"), MAT_FILES, strict=True):
        parts[f"x_{part}"], parts[f"y_{part}"] = _read_one(folder / name)
    return raw_images(parts, folder, name="svhn", is_exact=is_exact, note="")


def read_npz(path: Path) -> RawData:
    """Read `x_train`, `y_train`, `x_test`, `y_test` with labels 0..9; the note says how much of SVHN it is.

    Nothing tells whether the digits are the published ones, so they do not count as exact.

    Raises:
        DataError: the file is damaged or does not hold these arrays.
    """
    parts = read_arrays(path, what=_WHAT)
    counts = (parts["y_train"].size, parts["y_test"].size)
    is_whole = counts == OFFICIAL_COUNTS
    note = "" if is_whole else f"a {sum(counts):,}-digit part of SVHN, not the official split"
    return raw_images(parts, path, name="svhn", is_exact=False, note=note)


def _read_one(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images [n, 32, 32, 3] and digits [n] of an official file."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, variable_names=["X", "y"])
        images, labels = np.asarray(content["X"]), np.asarray(content["y"])
    except KeyError as error:
        raise DataError(f"{path}: it must hold X and y; it has no {error}.") from error
    # What SciPy was seen to raise on cut and changed files.
    except (*_UNREADABLE, zlib.error, MatReadError) as error:
        raise damaged(path, _WHAT, error) from error
    labels = labels.reshape(-1)
    if images.ndim != len(IMAGE_SHAPE) + 1 or images.shape[-1] != len(labels):
        raise DataError(
            f"{path}: X must have shape [32, 32, 3, n] and y n labels; got {images.shape} and {labels.shape}."
        )
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: y must hold whole numbers; got {labels.dtype}; replace the file by the official one.")
    if not len(labels) or labels.min() < 1 or labels.max() > _TEN:
        raise DataError(f"{path}: labels must lie in 1..10, 10 being digit 0; replace the file by the official one.")
    return images.transpose(3, 0, 1, 2), labels % _TEN
