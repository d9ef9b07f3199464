"""Unpacking a tar into a folder of its own, whole or not at all, and never outside it."""

import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path

from spaces.errors import DataError


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a tar (compressed or not) and return the folder; one that is there already is returned as it is.

    What is unpacked appears under the folder's name when all of it is there, so an interruption leaves no half of it.

    Raises:
        DataError: the archive is damaged, has members that would lie outside the folder, or the disk is full.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with tarfile.open(archive) as opened:
            opened.extractall(beside, filter="data")
        beside.chmod(0o755)
        beside.rename(folder)
    except (tarfile.FilterError, tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if folder.is_dir():  # another process was first
            return folder
        raise DataError(f"{archive} cannot be unpacked into {folder}: {error}; remove it to have it anew.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder
