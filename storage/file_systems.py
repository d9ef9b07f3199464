"""Which file system a path lies on; SQLite's locks and shared memory do not work on those of a network."""

import re
from pathlib import Path

from spaces.errors import StorageError

_MOUNTS = Path("/proc/mounts")
_NETWORK_TYPES = {
    *("9p", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "davfs2", "gfs2", "glusterfs", "gpfs", "lustre"),
    *("ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "smb2", "smb3", "smbfs", "vboxsf", "wekafs"),
}
# FUSE has as many types as programs; these show files of another machine or of an object store.
_NETWORK_FUSE = re.compile(
    r"fuse\.(sshfs|s3fs|gcsfuse|goofys|rclone|glusterfs|ceph|juicefs|mount-s3|blobfuse2?|davfs|mfs|lizardfs|gvfs|smb)"
)
_ESCAPE = re.compile(r"\\([0-7]{3})")


def check_local(folder: Path, *, database: str, mounts: Path = _MOUNTS) -> None:
    """Refuse a folder on a network file system.

    Args:
        folder: of the SQLite file.
        database: how the database is called in the error.
        mounts: the table of mounted file systems; where a system has none, nothing is refused.

    Raises:
        StorageError: the folder lies on a network file system.
    """
    kind = file_system(folder, mounts=mounts)
    if kind is not None and (kind in _NETWORK_TYPES or _NETWORK_FUSE.match(kind)):
        raise StorageError(
            f"database {database}: {folder.resolve()} lies on the network file system {kind!r}, on which two SQLite "
            "processes can damage the file; put it on a local disk, or use PostgreSQL: "
            "--storage postgresql://user@host:5432/name."
        )


def file_system(folder: Path, *, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that a folder lies on, None where the system does not tell."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    resolved = folder.resolve()
    found: tuple[int, str] | None = None
    for line in lines:
        fields = line.split(" ")
        point = Path(_ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[1]))
        # Of two mounts on one point the later hides the earlier.
        if resolved.is_relative_to(point) and (found is None or len(point.parts) >= found[0]):
            found = len(point.parts), fields[2]
    return None if found is None else found[1]
