"""Files by the SHA-256 of their content, in folders beside the database; what they mean stands in the database."""

import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from sqlalchemy import make_url

from spaces.errors import ArtifactError, LostArtifactError
from storage.sealed_files import sync_folder
from storage.sql import normalize_url, sqlite_file

ROOT_VARIABLE = "SEARCH_ARTIFACTS"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_ENDING = ".artifacts"


def default_root(url: str) -> Path:
    """Return where the artifacts of a database lie: `studies.artifacts` beside `studies.db`.

    No two databases share a folder, because the repair of one would remove the other's files: beside a file of
    another name lies `runs.sqlite-artifacts`, named as SQLite names its own files.

    For a database that is no file it is the folder that the environment's SEARCH_ARTIFACTS names, which workers on
    several machines must share. Without one, or where a bucket is named (`storage.artifact_bucket`), it is
    `postgresql-studies.artifacts` in the current folder, after the database's name.

    A folder of the earlier versions, `runs.artifacts` or `cosearch.artifacts`, is taken where it alone is there.

    Raises:
        StorageError: the text is no URL.
    """
    file = sqlite_file(url)
    if file is not None:
        old = file.with_suffix(_ENDING)
        return old if file.suffix == ".db" else _own_or_old(file.with_name(f"{file.name}-artifacts"), old)
    named = os.environ.get(ROOT_VARIABLE, "")
    if named and "://" not in named:
        return Path(named).expanduser()
    parsed, old = make_url(normalize_url(url)), Path(f"cosearch{_ENDING}")
    if parsed.get_backend_name() == "sqlite" or not parsed.database:
        return old
    return _own_or_old(Path(f"postgresql-{quote(parsed.database, safe='')}{_ENDING}"), old)


def is_digest(text: str) -> bool:
    """Return whether a text is 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def check_digest(digest: str) -> None:
    """Check that a text is a digest and so safe in a path.

    Raises:
        ArtifactError: it is not 64 lower-case hexadecimal digits.
    """
    if not is_digest(digest):
        raise ArtifactError(f"an artifact's digest is 64 lower-case hexadecimal digits (SHA-256); got {digest!r}.")


class ArtifactStore:
    """Content-addressed files under one folder: `root/ab/abcdef...`; equal contents are stored once."""

    def __init__(self, root: Path) -> None:
        """Use a folder; it is made when the first file comes."""
        self._root = root

    @property
    def root(self) -> Path:
        """The folder; two-letter folders in it belong to the store."""
        return self._root

    @property
    def place(self) -> str:
        """Where the files lie, for messages."""
        return f"the folder {self._root}"

    def put(self, content: Path | bytes) -> str:
        """Store a file, or bytes, and return the digest.

        When this returns, the content is on disk under its digest; after a crash before that there is at most a
        stray `*.tmp` file. Content that is stored already is written anew, which mends a damaged file.

        Raises:
            ArtifactError: the content cannot be read or written; nothing is left behind.
        """
        temporary = self._root / f"{uuid.uuid4().hex}.tmp"
        try:
            with _opened(content) as source:
                self._make_root()
                digest = _copy(source, temporary)
            target = self._target(digest)
            target.parent.mkdir(exist_ok=True)
            os.replace(temporary, target)
            sync_folder(target.parent)
            sync_folder(self._root)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            what = f"file {content}" if isinstance(content, Path) else f"{len(content)} bytes"
            raise ArtifactError(
                f"{what} cannot be stored in {self._root}: {_reason(error)}; "
                "check the disk's free space and your rights there, then run the command again."
            ) from error
        return digest

    def get(self, digest: str) -> bytes:
        """Return the content.

        Raises:
            LostArtifactError: the file is missing or damaged.
            ArtifactError: it cannot be read.
        """
        check_digest(digest)
        content = BytesIO()
        self._verify(digest, into=content)
        return content.getvalue()

    def path(self, digest: str) -> Path:
        """Return the path of the file, for reading only, after a check of its content.

        Raises:
            LostArtifactError: the file is missing or damaged.
            ArtifactError: it cannot be read.
        """
        self.check(digest)
        return self._target(digest)

    def check(self, digest: str) -> None:
        """Read a file and compare its content with the digest.

        Raises:
            LostArtifactError: the file is missing or damaged.
            ArtifactError: it cannot be read.
        """
        check_digest(digest)
        self._verify(digest, into=None)

    def remove(self, digest: str) -> None:
        """Remove a file; one that is not there is no error.

        Raises:
            ArtifactError: the file cannot be removed.
        """
        check_digest(digest)
        try:
            self._target(digest).unlink(missing_ok=True)
        except OSError as error:
            raise ArtifactError(
                f"artifact {digest} cannot be removed from {self._root}: {_reason(error)}; check your rights there."
            ) from error

    def digests(self, *, min_age_s: float = 0.0) -> set[str]:
        """Return the digests of all files, damaged ones included.

        Args:
            min_age_s: leave out what was written in the last so many seconds: a worker stores a file first and what
                it means afterwards.
        """
        found = (path for path in self._root.glob("??/*") if is_digest(path.name))
        return {path.name for path in found if min_age_s <= 0 or _age_s(path) >= min_age_s}

    def _make_root(self) -> None:
        if not self._root.is_dir():
            self._root.mkdir(parents=True, exist_ok=True)
            sync_folder(self._root.parent)

    def _target(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def _verify(self, digest: str, *, into: BinaryIO | None) -> None:
        try:
            with self._target(digest).open("rb") as source:
                actual = _hash(source, into=into)
        except FileNotFoundError as error:
            raise LostArtifactError(
                f"artifact {digest} cannot be read from {self._root}: {_reason(error)}; "
                "restore that folder from a copy, or train the trial again."
            ) from error
        except OSError as error:
            raise ArtifactError(
                f"artifact {digest} cannot be read from {self._root}: {_reason(error)}; "
                "check the disk and your rights there, then run the command again."
            ) from error
        if actual != digest:
            raise LostArtifactError(
                f"artifact {digest} in {self._root} is damaged, its content has the hash {actual}; "
                "restore the file from a copy, or remove it and train the trial again."
            )


def _own_or_old(own: Path, old: Path) -> Path:
    """Return a database's own folder, or the one of earlier versions where only that is there and no `.db` has it."""
    is_old = old.is_dir() and not own.exists() and not old.with_suffix(".db").exists()
    return old if is_old else own


@contextmanager
def _opened(content: Path | bytes) -> Iterator[BinaryIO]:
    with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
        yield source


def _copy(source: BinaryIO, target: Path) -> str:
    with target.open("xb") as file:
        digest = _hash(source, into=file)
        file.flush()
        os.fsync(file.fileno())
    return digest


def _hash(source: BinaryIO, *, into: BinaryIO | None) -> str:
    """Return the digest of what is left in `source`, and copy it where `into` is given."""
    hasher = hashlib.sha256()
    while chunk := source.read(_CHUNK_BYTES):
        hasher.update(chunk)
        if into is not None:
            into.write(chunk)
    return hasher.hexdigest()


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # another process removed it
        return 0.0


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
