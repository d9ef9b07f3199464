"""What the pages are given: where they read, and who makes an archive of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.audits import AuditRepository
from storage.reference_models import ReferenceRepository
from storage.refinements import RefinementRepository
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.workers import WorkerRepository


class ExportService(Protocol):
    """Makes a downloadable archive of a trial's model."""

    def formats(self) -> Sequence[str]:
        """Return the names of the formats on offer, the best default first."""
        ...

    def targets(self) -> Sequence[str]:
        """Return the names of the devices on offer; empty where no format asks for one."""
        ...

    def export(self, study: str, number: int, *, formats: Sequence[str], target: str | None) -> Path | bytes:
        """Return a zip archive of the model in the formats, as a file or as its bytes.

        Raises:
            SearchError: the trial has no model, or a format cannot hold it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PageServices:
    """Everything that the pages use.

    Attributes:
        exports: None where models cannot be exported; the pages then say so in place of the dialog.
        references: reference models, drawn as fixed points of the front; None where there are none.
        prefix: path under which every URL of the pages lies, with a slash at both ends.
        optuna_url: where the Optuna dashboard over the same database is.
    """

    repository: Repository
    audits: AuditRepository
    workers: WorkerRepository
    rungs: RungRepository
    refinements: RefinementRepository
    exports: ExportService | None
    references: ReferenceRepository | None = None
    prefix: str = "/cosearch/"
    optuna_url: str = "/"
