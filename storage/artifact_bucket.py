"""Artifacts in a bucket of S3, or of what speaks its protocol: the one door to fsspec."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spaces.errors import ArtifactError, LostArtifactError, SetupError
from storage.artifacts import ROOT_VARIABLE, ArtifactStore, check_digest, default_root, is_digest
from storage.sql import normalize_url

_SCHEME = "s3://"


def open_artifacts(storage: str) -> ArtifactStore:
    """Open the artifacts of a database: in its `default_root`, or in the bucket that SEARCH_ARTIFACTS names.

    The artifacts of an SQLite file lie beside it, whatever the variable says.

    Raises:
        SetupError: the package for S3 is not installed, or the URL is another one.
    """
    url = normalize_url(storage)
    bucket = bucket_url(url)
    return ArtifactStore(default_root(url)) if bucket is None else BucketStore(bucket, root=default_root(url))


def bucket_url(storage: str) -> str | None:
    """Return the URL that SEARCH_ARTIFACTS names for a database, None where the artifacts lie in a folder."""
    named = os.environ.get(ROOT_VARIABLE, "")
    return named if "://" in named and not normalize_url(storage).startswith("sqlite") else None


class BucketStore(ArtifactStore):
    """Content-addressed objects under one prefix: `s3://bucket/prefix/ab/abcdef...`.

    S3 shows an object whole or not at all, so nothing temporary is written there. What else belongs to the artifacts'
    folder (`root`: results that were not delivered, unfinished parents, logs) stays on the machine. Where the server
    is and who asks is said in the variables of AWS: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on.
    """

    def __init__(self, url: str, *, root: Path) -> None:
        """Use a prefix of a bucket, and a folder of this machine.

        Raises:
            SetupError: the package for S3 is not installed, or the URL is another one.
        """
        super().__init__(root)
        if not url.startswith(_SCHEME) or not url.removeprefix(_SCHEME).strip("/"):
            # Not what else fsspec knows: over SFTP, say, half a file is to be seen while it is written.
            raise SetupError(
                f"{ROOT_VARIABLE} takes a folder that all machines share or {_SCHEME}bucket/prefix; got {url!r}."
            )
        try:
            import fsspec

            self._files, self._prefix = fsspec.core.url_to_fs(url.rstrip("/"))
        except ImportError as error:
            raise SetupError(f"{ROOT_VARIABLE}={url}: {error}; install it: pip install 'cosearch[s3]'.") from error
        self._url = url

    @property
    def place(self) -> str:
        """Where the objects lie, for messages."""
        return self._url

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
            LostArtifactError: the object is missing or damaged.
            ArtifactError: it cannot be read.
        """
        check_digest(digest)
        with self._errors(f"artifact {digest} cannot be read", missing=LostArtifactError):
            content: bytes = self._files.cat_file(self._key(digest))
        actual = hashlib.sha256(content).hexdigest()
        if actual != digest:
            raise LostArtifactError(
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
            LostArtifactError: the object is missing or damaged.
            ArtifactError: it cannot be read.
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
            min_age_s: leave out what was written in the last so many seconds, the server's clock against this one's.

        Raises:
            ArtifactError: the bucket cannot be listed.
        """
        with self._errors("the objects cannot be listed"):
            self._files.invalidate_cache()  # others write there too
            found = self._files.find(self._prefix, detail=True)
        written = {key.rsplit("/", 1)[-1]: about["LastModified"] for key, about in found.items()}
        latest = datetime.now(UTC) - timedelta(seconds=min_age_s)
        return {name for name, at in written.items() if is_digest(name) and (min_age_s <= 0 or at <= latest)}

    def _key(self, digest: str) -> str:
        return f"{self._prefix}/{digest[:2]}/{digest}"

    @contextmanager
    def _errors(self, what: str, *, missing: type[ArtifactError] = ArtifactError) -> Iterator[None]:
        """Turn whatever the package for S3 raises into `ArtifactError`, what it says of a missing object into another.

        A bucket that does not exist counts as a missing object: s3fs raises the same for both.
        """
        try:
            yield
        except Exception as error:
            kind = missing if isinstance(error, FileNotFoundError) else ArtifactError
            raise kind(
                f"{what} in {self._url}: {_reason(error)}; check the address, the credentials and your rights there."
            ) from error


def _reason(error: Exception) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    # Of an object that is not there, s3fs says the key alone.
    return "there is no such object" if isinstance(error, FileNotFoundError) and " " not in text else text
