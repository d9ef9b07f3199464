"""Downloading a published file: resumed where it broke off, held against its published checksum, told of on the way."""

import fcntl
import hashlib
import http.client
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import BinaryIO, TextIO, TypeAlias

from spaces.errors import DataError

_LOG = logging.getLogger(__name__)
_SILENCE_S = 30  # a server that says nothing for so long is given up
_CHUNK = 1 << 20
_TRIES = 5  # connections in a row that bring nothing new
_TELLING = 10  # per cent from one line of progress to the next

OnBytes: TypeAlias = Callable[[int], None]  # takes the bytes that are there


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """A file on the web as its publisher offers it.

    Attributes:
        url: where it is.
        size_bytes: its length.
        sha256: its checksum, in hexadecimal digits.
    """

    url: str
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """File name, the last part of the address."""
        return self.url.rpartition("/")[2]


def fetch(published: PublishedFile, folder: Path, *, on_bytes: OnBytes | None = None) -> Path:
    """Return the file in the folder, downloaded if it is not there; a part that is there is gone on with.

    Where another process of this machine is fetching it, this one waits.

    Args:
        published: what is fetched.
        folder: where it goes; made if need be. A part is kept as `<name>.part`.
        on_bytes: called now and then; by default a line is logged at every tenth.

    Raises:
        DataError: there is no network, the server falls silent, or what came is not the published file.
    """
    path = folder / published.name
    if path.is_file() and is_published(path, published):
        return path
    part = folder / f"{published.name}.part"
    tell = on_bytes or DownloadLines(published)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".{published.name}.lock"):
            if path.is_file() and is_published(path, published):  # by now
                return path
            _download(published, part, tell)
            if not is_published(part, published):
                part.unlink()
                raise DataError(
                    f"{published.url}: what came has not the published checksum; it was removed. Try again."
                )
            part.replace(path)
    except OSError as error:
        raise DataError(f"{published.url} cannot be kept as {path}: {error}.") from error
    return path


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    file = _locked(lock)
    while not _is_at(file, lock):  # its holder removed it while this process waited, and a third may hold another
        file.close()
        file = _locked(lock)
    with file:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _locked(lock: Path) -> TextIO:
    """Return the lock file, locked for this process alone."""
    file = lock.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _LOG.warning("another process is downloading into %s; this one waits for it", lock.parent)
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _is_at(file: TextIO, path: Path) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def is_published(path: Path, published: PublishedFile) -> bool:
    """Return whether a file is the published one, byte for byte."""
    if path.stat().st_size != published.size_bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == published.sha256


def check_published(path: Path, published: PublishedFile) -> None:
    """Check that a file is the published one.

    Raises:
        DataError: it is not.
    """
    if not is_published(path, published):
        raise DataError(
            f"{path} is not the published file: it has {path.stat().st_size:,} bytes, {published.url} has "
            f"{published.size_bytes:,} with SHA-256 {published.sha256[:12]}...; replace or remove it."
        )


def _download(published: PublishedFile, part: Path, on_bytes: OnBytes) -> None:
    """Fill `part` up to the published size, over as many connections as bring something."""
    failures = 0
    while (held := _size(part)) < published.size_bytes:
        problem = _receive(published, part, held, on_bytes)
        failures = failures + 1 if _size(part) <= held else 0
        if failures >= _TRIES or (failures and problem.startswith("HTTP")):
            raise DataError(
                f"{published.url} could not be downloaded: {problem}; {_size(part):,} of {published.size_bytes:,} "
                "bytes are there, and the next try goes on from there."
            )


def _receive(published: PublishedFile, part: Path, held: int, on_bytes: OnBytes) -> str:
    """Append what one connection brings; return what ended it."""
    request = urllib.request.Request(published.url, headers={"Range": f"bytes={held}-"} if held else {})
    try:
        with urllib.request.urlopen(request, timeout=_SILENCE_S) as response:
            # A server that does not know of ranges sends everything from the beginning.
            is_part = response.status == http.HTTPStatus.PARTIAL_CONTENT
            offered = _offered(response.headers, held if is_part else 0)
            if offered not in (None, published.size_bytes):
                return f"HTTP status {response.status} with {offered:,} bytes, perhaps a page that asks to log in"
            if not is_part:
                part.unlink(missing_ok=True)
            _append(response, part, published.size_bytes, on_bytes)
        return "the connection ended early"
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # longer than the file: no part of it
        return f"HTTP status {error.code}"
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        return str(error) or type(error).__name__


def _offered(headers: Message, start: int) -> int | None:
    """Return how long the file is of which an answer sends what begins at `start`; None where it does not say."""
    length = headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _append(response: BinaryIO, part: Path, size_bytes: int, on_bytes: OnBytes) -> None:
    with part.open("ab") as file:
        # A server that never ends does not fill the disk.
        while file.tell() <= size_bytes and (chunk := _read(response)):
            file.write(chunk)
            on_bytes(file.tell())


def _read(response: BinaryIO) -> bytes:
    try:
        return response.read(_CHUNK)
    except OSError as error:  # of the network, not of the disk on which the part is kept
        raise ConnectionError(str(error) or type(error).__name__) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class DownloadLines:
    """Logs a line at every tenth of a download: its rate and the time left."""

    def __init__(self, published: PublishedFile, clock: Callable[[], float] = time.monotonic) -> None:
        """Tell of a file; `clock` gives seconds."""
        self._published = published
        self._clock = clock
        self._told = -1
        self._began: tuple[int, float] | None = None  # bytes that were there at the first call, and when that was

    def __call__(self, held: int) -> None:
        """Take the bytes that are there."""
        tenth = 100 * held // self._published.size_bytes // _TELLING
        if tenth > self._told:
            self._told = tenth
            megabytes = self._published.size_bytes / 1e6
            # No warning, but a person who waits for gigabytes wants to read it.
            _LOG.warning(
                "downloading %s: %d%% of %.0f MB%s",
                self._published.url,
                _TELLING * tenth,
                megabytes,
                self._pace(held),
            )

    def _pace(self, held: int) -> str:
        """Return megabytes a second and the minutes left, as the end of the line; nothing at the first call."""
        now = self._clock()
        if self._began is None:
            self._began = held, now
        began, at_s = self._began
        if held <= began or now <= at_s:
            return ""
        per_second = (held - began) / (now - at_s)
        minutes, seconds = divmod(int((self._published.size_bytes - held) / per_second), 60)
        left = f", {minutes}:{seconds:02d} left" if held < self._published.size_bytes else ""
        return f", {per_second / 1e6:.1f} MB/s{left}"
