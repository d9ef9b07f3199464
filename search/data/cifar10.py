"""Finding CIFAR-10: `--data-dir`, SEARCH_DATA_DIR, Keras' cache, the official address, in this order; no other data."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from search.data.cifar10_files import (
    BATCH_FORMATS,
    NPZ,
    OFFICIAL_COUNTS,
    Counts,
    read_archive,
    read_folder,
    read_npz,
)
from search.data.dataset import RawData
from search.data.download import PublishedFile, check_published, fetch, is_published
from search.data.keras_cache import keras_datasets_folder
from search.data.roots import DATA_DIR_VARIABLE, search_roots
from search.data.unpack import unpack
from spaces.errors import DataError

_LOG = logging.getLogger(__name__)
_PYTHON_BATCHES = BATCH_FORMATS[0]  # what is published under PUBLISHED, and what Keras keeps
_WEB = "https://www.cs.toronto.edu/~kriz/cifar.html"
PUBLISHED = PublishedFile(  # checksum as Keras has it
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    size_bytes=170_498_071,
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
PUBLISHED_ARCHIVES = {  # by the folder inside
    _PYTHON_BATCHES.folder: PUBLISHED,
    BATCH_FORMATS[1].folder: PublishedFile(  # as TensorFlow Datasets has it
        url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        size_bytes=170_052_171,
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
}


def load_cifar10(
    data_dir: Path | None,
    *,
    expected: Counts | None = OFFICIAL_COUNTS,
    published: Mapping[str, PublishedFile] = PUBLISHED_ARCHIVES,
    download: Callable[[Path], Path] = lambda folder: fetch(PUBLISHED, folder),
) -> RawData:
    """Return CIFAR-10 from the first place that has it.

    Args:
        data_dir: the folder that `--data-dir` names.
        expected: numbers of training and test images; None accepts any.
        published: what an archive of the user's must be, byte for byte, by the folder inside; empty accepts any.
        download: puts the official archive into a folder and returns it.

    Raises:
        DataError: no place has it (the message says what was tried and where to put which file), or the first place
            that has it holds a damaged file.
    """
    tried = [] if data_dir else ["--data-dir (not given)"]
    if not os.environ.get(DATA_DIR_VARIABLE):
        tried.append(f"{DATA_DIR_VARIABLE} (not set)")
    for root in search_roots(data_dir):
        raw = _read_root(root, expected, published)
        if raw is not None:
            return raw
        tried.append(f"{root} ({_contents(root)})")
    cache = keras_datasets_folder()
    raw = _read_cache(cache, expected)
    if raw is not None:
        return raw
    tried.append(f"Keras' cache {cache} ({_contents(cache)})")
    _LOG.info("CIFAR-10 is in none of the folders; it is downloaded to %s", cache)
    unpacked = _unpacked_folder(cache)
    try:
        unpack(download(cache), unpacked.parent)
    except DataError as error:
        raise _not_found([*tried, str(error).rstrip(".")]) from error
    return read_folder(unpacked, _PYTHON_BATCHES, expected=expected)


def _read_root(root: Path, expected: Counts | None, published: Mapping[str, PublishedFile]) -> RawData | None:
    """Read the first known form that the folder holds; None where it holds none."""
    if (root / NPZ).is_file():
        return read_npz(root / NPZ, expected=expected)
    for batch_format in BATCH_FORMATS:
        for folder in (root / batch_format.folder, root):
            if (folder / batch_format.train[0]).is_file():
                return read_folder(folder, batch_format, expected=expected)
        for name in batch_format.archives:
            if (root / name).is_file():
                if published:
                    check_published(root / name, published[batch_format.folder])
                return read_archive(root / name, batch_format, expected=expected)
    return None


def _read_cache(cache: Path, expected: Counts | None) -> RawData | None:
    # As Keras 2 unpacks, and as Keras 3 does.
    for folder in (cache / _PYTHON_BATCHES.folder, _unpacked_folder(cache)):
        if folder.is_dir():
            return read_folder(folder, _PYTHON_BATCHES, expected=expected)
    for name in _PYTHON_BATCHES.archives:
        archive = cache / name
        if archive.is_file():
            if is_published(archive, PUBLISHED):
                return read_archive(archive, _PYTHON_BATCHES, expected=expected)
            _LOG.warning("%s is not the published file, perhaps part of a download; it is not used", archive)
    return None


def _unpacked_folder(cache: Path) -> Path:
    return cache / f"{_PYTHON_BATCHES.folder}-target" / _PYTHON_BATCHES.folder


def _contents(folder: Path) -> str:
    if not folder.is_dir():
        return "no such folder"
    return f"no {NPZ}, no {' or '.join(batch_format.folder for batch_format in BATCH_FORMATS)}, no tar of them"


def _not_found(tried: list[str]) -> DataError:
    archives = " or ".join(batch_format.archives[0] for batch_format in BATCH_FORMATS)
    return DataError(
        f"CIFAR-10 was not found. Tried: {'; '.join(tried)}. Put {archives} from {_WEB}, as it is or unpacked, or a "
        f"{NPZ} with x_train, y_train, x_test and y_test into a folder and name the folder by --data-dir or "
        f"{DATA_DIR_VARIABLE}. For a dry run on drawn images: --data synthetic."
    )
