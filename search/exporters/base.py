"""What an exporter is: it writes files into a folder and proves that they are right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from search.models.trained_model import TrainedModel


class Exporter(Protocol):
    """One format."""

    def __call__(self, model: TrainedModel, folder: Path) -> Mapping[str, Any]:
        """Write the format's files and check them.

        Returns:
            What was checked, as JSON values for the manifest.

        Raises:
            ExportError: a check failed.
        """
        ...
