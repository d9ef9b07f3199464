"""Where a training stood after an epoch, as bytes that say whether they are whole, and kept in a file."""

import io
import json
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.errors import ArtifactError
from storage.sealed_files import replace_file, seal, unseal

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """Means over one epoch."""

    epoch: int
    cross_entropy: float
    jacobian_term: float
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FitState:
    """Everything that the rest of a training depends on.

    Attributes:
        records: the epochs that are done.
        weights: `Network.weights`.
        optimizer: the optimizer's variables, in its order.
    """

    records: tuple[EpochRecord, ...]
    weights: Mapping[str, NDArray[np.float32]]
    optimizer: tuple[NDArray[Any], ...]

    def to_bytes(self) -> bytes:
        """Return the state as an `.npz` behind its own hash."""
        arrays: dict[str, Any] = {f"weights/{name}": values for name, values in self.weights.items()}
        arrays |= {f"optimizer/{index:04d}": values for index, values in enumerate(self.optimizer)}
        arrays["records"] = np.array(json.dumps([asdict(record) for record in self.records]))
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return seal(buffer.getvalue())

    @classmethod
    def from_bytes(cls, content: bytes) -> "FitState":
        """Read `to_bytes`.

        Raises:
            ArtifactError: the content is damaged, or was written by another version.
        """
        try:
            with np.load(io.BytesIO(unseal(content)), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            records = tuple(EpochRecord(**record) for record in json.loads(str(arrays.pop("records"))))
        except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise ArtifactError(f"the state of a training cannot be read: {error}.") from error
        weights = {
            name.removeprefix("weights/"): array for name, array in arrays.items() if name.startswith("weights/")
        }
        optimizer = tuple(arrays[name] for name in sorted(arrays) if name.startswith("optimizer/"))
        return cls(records=records, weights=weights, optimizer=optimizer)


class FitCheckpoint:
    """The state of one training in one file, so that a stop or a kill costs at most one epoch."""

    def __init__(self, path: Path) -> None:
        """Use a file; its folder is made when something is saved."""
        self._path = path

    def save(self, state: FitState) -> None:
        """Replace what was saved; a kill leaves the old state or the new one, never a part.

        Raises:
            ArtifactError: it cannot be written.
        """
        replace_file(self._path, state.to_bytes())

    def load(self) -> FitState | None:
        """Return what was saved; None where nothing was, or where it is damaged, which is logged."""
        if not self._path.is_file():
            return None
        try:
            return FitState.from_bytes(self._path.read_bytes())
        except (OSError, ArtifactError) as error:
            _log.warning("checkpoint %s is damaged (%s); the training starts anew.", self._path.name, error)
            return None

    def clear(self) -> None:
        """Forget what was saved."""
        self._path.unlink(missing_ok=True)
