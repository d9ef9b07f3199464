"""Keras' cache of data sets and Keras' own download of CIFAR-10, which runs in a process of its own."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from search.data.download import DownloadLines, PublishedFile
from spaces.errors import DataError

# As Keras checks it.
_ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_ARCHIVE = PublishedFile(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", size_bytes=170_498_071, sha256=_ARCHIVE_SHA256
)
_KEPT_AS = "cifar-10-batches-py.tar.gz"
_LOOK_S = 1.0
_SILENCE_S = 30  # a server that says nothing for so long is given up
_DOWNLOAD_S = 1800

# Keras prints a progress bar, opens its socket without a time limit and imports TensorFlow: none of that may reach
# the process that asked.
_DOWNLOAD = f"""
import socket
socket.setdefaulttimeout({_SILENCE_S})
from tf_keras.datasets import cifar10
cifar10.load_data()
"""


def keras_datasets_folder() -> Path:
    """Return the folder in which Keras keeps data sets, whether it exists or not; KERAS_HOME is respected."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".keras") / "datasets"


def is_whole_archive(path: Path) -> bool:
    """Return whether a downloaded archive is complete; Keras leaves a part of it when it is killed on the way."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == _ARCHIVE_SHA256


def download_cifar10() -> None:
    """Let Keras download CIFAR-10 into its cache.

    Raises:
        DataError: there is no network, the server is silent, or what came is not the published file.
    """
    home = keras_datasets_folder().parent
    try:
        home.mkdir(parents=True, exist_ok=True)  # Keras would fall back to /tmp in silence
        with _growth_told(keras_datasets_folder() / _KEPT_AS):
            done = subprocess.run(
                [sys.executable, "-c", _DOWNLOAD],
                env={**os.environ, "KERAS_HOME": str(home), "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
                timeout=_DOWNLOAD_S,
                check=False,
            )
    except OSError as error:
        raise DataError(f"Keras' download could not start: {error}.") from error
    except subprocess.TimeoutExpired as error:
        raise DataError(f"Keras' download was not done after {_DOWNLOAD_S} s.") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise DataError(f"Keras' download failed: {lines[-1] if lines else f'exit code {done.returncode}'}.")


@contextmanager
def _growth_told(path: Path) -> Iterator[None]:
    """Log how far the download is while another process writes it."""
    ended, tell = Event(), DownloadLines(_ARCHIVE)

    def watch() -> None:
        while not ended.wait(_LOOK_S):
            with suppress(FileNotFoundError):
                tell(path.stat().st_size)

    thread = Thread(target=watch, name="download", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
