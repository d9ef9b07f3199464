"""Results that the database does not have yet, kept in files until it has."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from search.processes import is_gone
from spaces.errors import ArtifactError
from storage.claims import Lease
from storage.conversion import plain_json
from storage.records import TrialOutcome
from storage.sealed_files import TEMPORARY, replace_file, seal, unseal
from storage.workers import WorkerIdentity

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a trial.

    Attributes:
        lease: under which the trial was trained.
        outcome: the result.
        artifacts: the trial's files, name -> digest.
    """

    lease: Lease
    outcome: TrialOutcome
    artifacts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A result in a file."""

    path: Path
    result: Result

    def remove(self) -> None:
        """Remove the file; one that another worker has removed is no error."""
        self.path.unlink(missing_ok=True)


class Outbox:
    """The results that a worker has not delivered, in a folder of its own beside those of the other workers."""

    def __init__(self, root: Path, worker: WorkerIdentity) -> None:
        """Use a folder of outboxes; it is made when something is put in."""
        self._root, self._worker = root, worker
        # The digest keeps names apart that are alike once they are made safe.
        digest = hashlib.sha256(worker.name.encode()).hexdigest()[:8]
        self._folder = root / f"{_UNSAFE.sub('_', worker.name)[:80]}-{digest}"

    @property
    def root(self) -> Path:
        """The folder of outboxes."""
        return self._root

    @property
    def folder(self) -> Path:
        """This worker's own folder in it."""
        return self._folder

    def remove_strays(self) -> None:
        """Remove what this worker's earlier process had begun to write when it was killed."""
        for stray in self._folder.glob(f"*{TEMPORARY}"):
            stray.unlink(missing_ok=True)

    def put(self, result: Result) -> Letter:
        """Keep a result; when this returns, it is on disk.

        Raises:
            ArtifactError: it cannot be written.
        """
        lease = result.lease
        path = self._folder / f"study-{lease.study_id}-trial-{lease.number}-epoch-{lease.epoch}.json"
        value = {
            "worker": asdict(self._worker),
            "lease": asdict(lease),
            "outcome": result.outcome.to_json(),
            "artifacts": dict(result.artifacts),
        }
        replace_file(path, seal(json.dumps(plain_json(value)).encode()))
        return Letter(path=path, result=result)

    def left(self, study_id: int) -> list[Letter]:
        """Return what lies here for a study: of this worker, and of those on this host whose process has ended.

        A file that is damaged is said and set aside, under its name with `.damaged`.
        """
        letters = []
        for path in sorted(self._root.glob(f"*/study-{study_id}-*.json")):
            value = _read(path)
            if value is None:
                continue
            sender = WorkerIdentity(**value["worker"])
            if sender.name == self._worker.name or is_gone(sender):
                result = Result(
                    lease=Lease(**value["lease"]),
                    outcome=TrialOutcome.from_json(value["outcome"]),
                    artifacts=value["artifacts"],
                )
                letters.append(Letter(path=path, result=result))
        return letters


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(unseal(path.read_bytes()))
    except FileNotFoundError:  # its worker has just delivered it
        return None
    except ArtifactError as error:
        aside = path.with_name(f"{path.name}.damaged")
        with suppress(FileNotFoundError):  # another worker has found it too
            path.replace(aside)
        _log.error("the kept result %s is lost and its trial is trained again: %s It is now %s.", path, error, aside)
        return None
    return value
