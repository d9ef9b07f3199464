"""Files that the database is about to forget or to learn of, noted in the outbox, so that a kill leaves none behind.

A row goes first and its file afterwards, because a row whose file is missing is an error and a file without a row only
takes space. A note lasts from before the one until after the other; what a dead worker noted, others remove.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from search.processes import is_gone
from search.trials.parts import WorkerParts
from spaces.errors import ArtifactError, FencedError
from storage.sealed_files import replace_file, seal, unseal
from storage.workers import WorkerIdentity

_PREFIX = "discard-"

_log = logging.getLogger(__name__)


@contextmanager
def discarding(parts: WorkerParts, digests: set[str]) -> Iterator[None]:
    """Remove the files after the block, in which the database drops what it says of them or begins to refer to them.

    A file that something in the database refers to stays, also where the block raises because it could not be written
    or its trial is another worker's.
    """
    note = _write(parts, digests) if digests else None
    try:
        yield
    except (ArtifactError, FencedError):
        _end(parts, digests, note)
        raise
    _end(parts, digests, note)


def _end(parts: WorkerParts, digests: set[str], note: Path | None) -> None:
    _remove_unreferenced(parts, digests)
    if note is not None:
        note.unlink(missing_ok=True)


def finish_discards(parts: WorkerParts) -> None:
    """Remove what this worker's earlier process, or dead ones of this host, were about to remove."""
    for note in sorted(parts.outbox.root.glob(f"*/{_PREFIX}*.json")):
        try:
            value = json.loads(unseal(note.read_bytes()))
        except FileNotFoundError:  # its worker has just removed it
            continue
        except ArtifactError as error:
            _log.warning("the note %s is dropped: %s `db repair` removes files that nothing refers to.", note, error)
            note.unlink(missing_ok=True)
            continue
        sender = WorkerIdentity(**value["worker"])
        if sender.name == parts.identity.name or is_gone(sender):
            _remove_unreferenced(parts, set(value["digests"]))
            note.unlink(missing_ok=True)


def _write(parts: WorkerParts, digests: set[str]) -> Path | None:
    note = parts.outbox.folder / f"{_PREFIX}{uuid.uuid4().hex}.json"
    value = {"worker": asdict(parts.identity), "digests": sorted(digests)}
    try:
        replace_file(note, seal(json.dumps(value).encode()))
    except ArtifactError as error:  # the removal itself may be what a full disk needs
        _log.warning("files are removed without a note: %s", error)
        return None
    return note


def _remove_unreferenced(parts: WorkerParts, digests: set[str]) -> None:
    for digest in parts.patience(lambda: parts.repository.unreferenced(digests)) if digests else ():
        parts.artifacts.remove(digest)
