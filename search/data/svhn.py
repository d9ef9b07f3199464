"""Finding SVHN's cropped digits: `--data-dir`, SEARCH_DATA_DIR, the cache of data sets, the official address, in order.

Source: Netzer et al. 2011, "Reading Digits in Natural Images with Unsupervised Feature Learning",
http://ufldl.stanford.edu/housenumbers/; for non-commercial use.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from search.data.dataset import RawData
from search.data.download import PublishedFile, check_published, fetch
from search.data.keras_cache import keras_datasets_folder
from search.data.roots import DATA_DIR_VARIABLE, search_roots
from search.data.svhn_files import MAT_FILES, NPZ, read_mat, read_npz
from spaces.errors import DataError

_LOG = logging.getLogger(__name__)
_WEB = "http://ufldl.stanford.edu/housenumbers"
# Sizes and checksums as TensorFlow Datasets publishes them.
PUBLISHED = (
    PublishedFile(
        url=f"{_WEB}/train_32x32.mat",
        size_bytes=182_040_794,
        sha256="435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    ),
    PublishedFile(
        url=f"{_WEB}/test_32x32.mat",
        size_bytes=64_275_384,
        sha256="cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    ),
)


def download_svhn(folder: Path) -> None:
    """Fetch both official files into a folder.

    Raises:
        DataError: they are not to be had.
    """
    for published in PUBLISHED:
        fetch(published, folder)


def load_svhn(
    data_dir: Path | None,
    *,
    published: Sequence[PublishedFile] = PUBLISHED,
    download: Callable[[Path], None] = download_svhn,
) -> RawData:
    """Return SVHN from the first place that has it; a folder with the official files and `svhn.npz` gives the former.

    Args:
        data_dir: the folder that `--data-dir` names.
        published: what the official files must be, byte for byte; empty accepts any.
        download: puts the official files into a folder.

    Raises:
        DataError: no place has it, or the first place that has it holds a damaged file.
    """
    cache = keras_datasets_folder() / "svhn"
    places = [*search_roots(data_dir), cache]
    for root in places:
        for folder in (root, root / "svhn"):
            raw = _read_folder(folder, published)
            if raw is not None:
                return raw
    tried = "; ".join(f"{root} (no {' and '.join(MAT_FILES)}, no {NPZ})" for root in places)
    _LOG.info("SVHN is in none of the folders; it is downloaded to %s", cache)
    try:
        download(cache)
    except DataError as error:
        raise _not_found(f"{tried}; {str(error).rstrip('.')}") from error
    raw = _read_folder(cache, published)
    if raw is None:
        raise _not_found(f"{tried}; the download, after which {cache} still did not have it")
    return raw


def _read_folder(folder: Path, published: Sequence[PublishedFile]) -> RawData | None:
    if all((folder / name).is_file() for name in MAT_FILES):
        for file in published:  # before SciPy parses it, which some damaged files crash
            check_published(folder / file.name, file)
        return read_mat(folder, is_exact=bool(published))
    return read_npz(folder / NPZ) if (folder / NPZ).is_file() else None


def _not_found(tried: str) -> DataError:
    return DataError(
        f"SVHN was not found. Tried: {tried}. Put {' and '.join(MAT_FILES)} from {_WEB}, or a {NPZ} with x_train, "
        f"y_train, x_test and y_test, into a folder and name the folder by --data-dir or {DATA_DIR_VARIABLE}. "
        "For a dry run on drawn images: --data synthetic."
    )
