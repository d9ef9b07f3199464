"""Small files that are whole or known not to be: replaced in one step, and sealed with the hash of their content."""

import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path

from spaces.errors import ArtifactError

TEMPORARY = ".tmp"  # how the name of a file ends that is being written; a kill leaves it behind


def seal(payload: bytes) -> bytes:
    """Return the payload after a line with its SHA-256."""
    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def unseal(content: bytes) -> bytes:
    """Return the payload of `seal`.

    Raises:
        ArtifactError: the content was cut off or changed.
    """
    _, _, payload = content.partition(b"\n")
    if content != seal(payload):
        raise ArtifactError(f"these {len(content)} bytes do not have the hash that they begin with; they are damaged.")
    return payload


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, in a folder that is made; a kill leaves the old content or the new one, never a part.

    When this returns, the content is on disk.

    Raises:
        ArtifactError: it cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise ArtifactError(
            f"{path.name} cannot be written in {path.parent}: {error.strerror or type(error).__name__}; check the "
            "disk's free space and your rights there."
        ) from error


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
