"""Reading CIFAR-10 from its file formats: `cifar10.npz`, the official Python and binary batches, also inside their tar.

Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search.data.cifar10_pickle import PICKLE_ERRORS, read_pickled_batch
from search.data.dataset import RawData
from search.data.image_files import damaged, raw_images, read_arrays
from spaces.errors import DataError

OFFICIAL_COUNTS = (50_000, 10_000)  # train, test
NPZ = "cifar10.npz"
_WHAT = "CIFAR-10"
_PIXELS = 3 * 32 * 32

Counts: TypeAlias = tuple[int, int]
ReadMember: TypeAlias = Callable[[str], bytes]
Batch: TypeAlias = tuple[NDArray[np.generic], NDArray[np.generic]]  # pixels [n, 3072], labels [n]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFormat:
    """One of the two official forms: a folder of five training batches and a test batch, published as a tar.

    Attributes:
        folder: name of the folder, also inside the tar.
        archives: names under which the tar is kept; the second is Keras' own.
        train, test: file names in the folder.
        parse: turns a file's bytes into pixels and labels.
    """

    folder: str
    archives: tuple[str, ...]
    train: tuple[str, ...]
    test: str
    parse: Callable[[bytes], Batch]


def read_npz(path: Path, *, expected: Counts | None = OFFICIAL_COUNTS) -> RawData:
    """Read `x_train`, `y_train`, `x_test`, `y_test`; `test_jpeg_idx`, where present, lists inexact test images.

    Args:
        path: the file.
        expected: numbers of training and test images that it must hold; None accepts any.

    Raises:
        DataError: the file is damaged or does not hold these arrays.
    """
    parts = read_arrays(path, what=_WHAT, optional=("test_jpeg_idx",))
    n_inexact = len(parts.get("test_jpeg_idx", ()))
    note = f"{n_inexact} of the test images were JPEG-compressed, the others are the published ones"
    return _raw_data(parts, path, expected, is_exact=n_inexact == 0, note=note if n_inexact else "")


def read_folder(folder: Path, batch_format: BatchFormat, *, expected: Counts | None = OFFICIAL_COUNTS) -> RawData:
    """Read the official batches from a folder; arguments and errors as in `read_npz`."""
    return _read_batches(lambda name: (folder / name).read_bytes(), batch_format, folder, expected)


def read_archive(path: Path, batch_format: BatchFormat, *, expected: Counts | None = OFFICIAL_COUNTS) -> RawData:
    """Read the official batches out of their tar.gz, without unpacking it to disk; otherwise as `read_npz`."""
    try:
        # All of it first: gzip's checksum stands at the end, where reading member by member would not come.
        content = io.BytesIO(gzip.decompress(path.read_bytes()))
        with tarfile.open(fileobj=content, mode="r:") as archive:
            return _read_batches(partial(_member, archive, batch_format.folder), batch_format, path, expected)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise damaged(path, _WHAT, error) from error


def _member(archive: tarfile.TarFile, folder: str, name: str) -> bytes:
    try:
        file = archive.extractfile(f"{folder}/{name}")
    except KeyError:
        raise FileNotFoundError(f"no member {folder}/{name}") from None
    if file is None:
        raise FileNotFoundError(f"member {folder}/{name} is no file")
    return file.read()


def _read_batches(read: ReadMember, batch_format: BatchFormat, path: Path, expected: Counts | None) -> RawData:
    train = [_read_batch(read, name, batch_format, path) for name in batch_format.train]
    test = _read_batch(read, batch_format.test, batch_format, path)
    parts = {
        "x_train": np.concatenate([pixels for pixels, _ in train]),
        "y_train": np.concatenate([labels for _, labels in train]),
        "x_test": test[0],
        "y_test": test[1],
    }
    return _raw_data(parts, path, expected)


def _read_batch(read: ReadMember, name: str, batch_format: BatchFormat, path: Path) -> Batch:
    try:
        pixels, labels = batch_format.parse(read(name))
    except (*PICKLE_ERRORS, OSError, tarfile.TarError) as error:
        raise damaged(path / name, _WHAT, error) from error
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _PIXELS:
        raise DataError(
            f"{path / name}: pixels must be uint8 of shape [n, {_PIXELS}]; got {pixels.dtype} {pixels.shape}."
        )
    planes = pixels.reshape(-1, 3, 32, 32)  # red, green and blue one after the other
    return planes.transpose(0, 2, 3, 1), labels


def _raw_data(
    parts: Mapping[str, NDArray[Any]], path: Path, expected: Counts | None, *, is_exact: bool = True, note: str = ""
) -> RawData:
    counts = (len(parts["x_train"]), len(parts["x_test"]))
    if expected is not None and counts != expected:
        raise DataError(
            f"{path}: must hold {expected[0]} training and {expected[1]} test images; got {counts[0]} and {counts[1]}."
        )
    return raw_images(parts, path, name="cifar10", is_exact=is_exact, note=note)


def _parse_binary(content: bytes) -> Batch:
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + _PIXELS)  # a label byte, then the pixels
    return records[:, 1:], records[:, 0]


BATCH_FORMATS = (
    BatchFormat(
        folder="cifar-10-batches-py",
        archives=("cifar-10-python.tar.gz", "cifar-10-batches-py.tar.gz"),
        train=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test="test_batch",
        parse=read_pickled_batch,
    ),
    BatchFormat(
        folder="cifar-10-batches-bin",
        archives=("cifar-10-binary.tar.gz",),
        train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        test="test_batch.bin",
        parse=_parse_binary,
    ),
)
