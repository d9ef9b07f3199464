"""Artifacts in an object store such as S3: the one door to fsspec."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spaces.errors import ArtifactError, SetupError
from storage.artifacts import ROOT_VARIABLE, ArtifactStore, check_digest, default_root, is_digest
from storage.sql import normalize_url


def open_artifacts(storage: str) -> ArtifactStore:
    """Open the artifacts of a database: in its `default_root`, or in the bucket that SEARCH_ARTIFACTS names.

    The artifacts of an SQLite file lie beside it, whatever the variable says.

    Raises:
        SetupError: the package for that kind of object store is not installed, or there is no such kind.
    """
    url = normalize_url(storage)
    bucket = bucket_url(url)
    return ArtifactStore(default_root(url)) if bucket is None else BucketStore(bucket, root=default_root(url))


def bucket_url(storage: str) -> str | None:
    """Return the object store's URL that SEARCH_ARTIFACTS names for a database, None where it lies in a folder."""
    named = os.environ.get(ROOT_VARIABLE, "")
    return named if "://" in named and not normalize_url(storage).startswith("sqlite") else None


class BucketStore(ArtifactStore):
    """Content-addressed objects under one prefix: `s3://bucket/prefix/ab/abcdef...`.

    An object store shows an object whole or not at all, so nothing temporary is written there. What else belongs to
    the artifacts' folder (`root`: results that were not delivered, unfinished parents, logs) stays on the machine.
    """

    def __init__(self, url: str, *, root: Path) -> None:
        """Use a prefix of a bucket, and a folder of this machine.

        Raises:
            SetupError: the package for that kind of object store is not installed, or there is no such kind.
        """
        super().__init__(root)
        try:
            import fsspec

            self._files, self._prefix = fsspec.core.url_to_fs(url.rstrip("/"))
        except (ImportError, ValueError) as error:
            raise SetupError(
                f"{ROOT_VARIABLE}={url}: {str(error).rstrip('.')}; for S3, pip install 'cosearch[s3]', or name a "
                "folder that all machines share."
            ) from error
        self._url = url

    def put(self, content: Path | bytes) -> str:
        """Store a file, or bytes, and return the digest; content that is stored already is written anew.

        Raises:
            ArtifactError: the content cannot be read or written.
        """
        value = content.read_bytes() if isinstance(content, Path) else content
        digest = hashlib.sha256(value).hexdigest()
        with self._errors(f"{len(value)} bytes cannot be stored"):
            self._files.pipe_file(self._key(digest), value)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the content.

        Raises:
            ArtifactError: the object is missing or damaged.
        """
        check_digest(digest)
        with self._errors(f"artifact {digest} cannot be read"):
            content: bytes = self._files.cat_file(self._key(digest))
        actual = hashlib.sha256(content).hexdigest()
        if actual != digest:
            raise ArtifactError(
                f"artifact {digest} in {self._url} is damaged, its content has the hash {actual}; restore the object "
                "from an older version or a copy, or remove it and train the trial again."
            )
        return content

    def path(self, digest: str) -> Path:
        """Return the path of a copy on this machine, for reading only.

        Raises:
            ArtifactError: the object is missing or damaged, or the copy cannot be written.
        """
        super().put(self.get(digest))
        return super().path(digest)

    def check(self, digest: str) -> None:
        """Read an object and compare its content with the digest.

        Raises:
            ArtifactError: the object is missing or damaged.
        """
        self.get(digest)

    def remove(self, digest: str) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            ArtifactError: the object cannot be removed.
        """
        check_digest(digest)
        with self._errors(f"artifact {digest} cannot be removed"), suppress(FileNotFoundError):
            self._files.rm_file(self._key(digest))

    def digests(self, *, min_age_s: float = 0.0) -> set[str]:
        """Return the digests of all objects, damaged ones included.

        Args:
            min_age_s: leave out what was written in the last so many seconds, by the object store's clock.

        Raises:
            ArtifactError: the bucket cannot be listed.
        """
        with self._errors("the objects cannot be listed"):
            self._files.invalidate_cache()  # others write there too
            keys = {key.rsplit("/", 1)[-1]: key for key in self._files.find(self._prefix)}
            return {
                name
                for name, key in keys.items()
                if is_digest(name) and (min_age_s <= 0 or self._age_s(key) >= min_age_s)
            }

    def _key(self, digest: str) -> str:
        return f"{self._prefix}/{digest[:2]}/{digest}"

    def _age_s(self, key: str) -> float:
        try:
            return time.time() - float(self._files.modified(key).timestamp())
        except FileNotFoundError:  # another process removed it
            return 0.0

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Turn whatever the object store's package raises, each its own kinds, into `ArtifactError`."""
        try:
            yield
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise ArtifactError(
                f"{what} in {self._url}: {reason}; check the address, the credentials and your rights there."
            ) from error
