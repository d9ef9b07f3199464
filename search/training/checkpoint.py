"""Where a training stood after an epoch, kept in a file, so that a stop or a kill costs at most one epoch."""

import io
import json
import logging
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


class FitCheckpoint:
    """The state of one training in one file."""

    def __init__(self, path: Path) -> None:
        """Use a file; its folder is made when something is saved."""
        self._path = path

    def save(self, state: FitState) -> None:
        """Replace what was saved; a kill leaves the old state or the new one, never a part."""
        arrays: dict[str, Any] = {f"weights/{name}": values for name, values in state.weights.items()}
        arrays |= {f"optimizer/{index:04d}": values for index, values in enumerate(state.optimizer)}
        arrays["records"] = np.array(json.dumps([asdict(record) for record in state.records]))
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)

    def load(self) -> FitState | None:
        """Return what was saved; None where nothing was, or where it is damaged, which is logged."""
        if not self._path.is_file():
            return None
        try:
            with np.load(io.BytesIO(self._path.read_bytes()), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            records = tuple(EpochRecord(**record) for record in json.loads(str(arrays.pop("records"))))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            _log.warning("checkpoint %s is damaged (%s); the training starts anew.", self._path.name, error)
            return None
        weights = {
            name.removeprefix("weights/"): array for name, array in arrays.items() if name.startswith("weights/")
        }
        optimizer = tuple(arrays[name] for name in sorted(arrays) if name.startswith("optimizer/"))
        return FitState(records=records, weights=weights, optimizer=optimizer)

    def clear(self) -> None:
        """Forget what was saved."""
        self._path.unlink(missing_ok=True)
