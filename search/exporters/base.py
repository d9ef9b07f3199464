"""What an exporter is: it writes a format's files into a folder of its own, and proves that they are right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from search.data.dataset import Inputs, Labels
from search.data.input_grid import InputGrid
from search.metrics.cost import Cost
from search.models.trained_model import TrainedModel
from spaces.targets import Target

Logits = NDArray[np.float32]  # [n, n_classes]
LOGIT_TOLERANCE = 1e-4  # relative to the largest logit: what float32 makes of another order of a sum

RunArtefact = Callable[[Inputs], Logits]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExportContext:
    """What exporters calibrate with and are held against; the same for every format of a trial.

    Attributes:
        calibration: inputs of the training split, for formats that choose ranges.  # [n_calibration, ...]
        x: real test examples.  # [n, ...]
        y: their labels.  # [n]
        logits: the trained network's, on `x`.  # [n, n_classes]
        epsilons: the study's radii, in input units, ascending.
        adversarial: `x` as changed by an attack on the trained network at each radius.  # [n_epsilons, n, ...]
        adversarial_logits: the trained network's, on `adversarial`.  # [n_epsilons, n, n_classes]
        input_range: smallest and largest value of an input, in input units.
        input_grid: the 8-bit codes of an input on a device.
        target: the device that the export is for; None for none in particular.
        cost: what the trial's candidate costs, `size_bytes` and `ram_bytes` among it.
        note: what a reader of the figures has to know of the examples; empty for nothing.
    """

    calibration: Inputs
    x: Inputs
    y: Labels
    logits: Logits
    epsilons: tuple[float, ...]
    adversarial: Inputs
    adversarial_logits: Logits
    input_range: tuple[float, float]
    input_grid: InputGrid
    target: Target | None
    cost: Cost
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactFigures:
    """What a network, trained or exported, shows on the context's examples; fractions in [0, 1].

    Attributes:
        n_examples: clean examples that were run.
        clean_accuracy: of the clean examples.
        transferred: at each radius the fraction that stays right, on the clean example and at every radius so far, when
            the examples that were made to fool the trained network are shown to this one.
        robust_accuracy: mean of `transferred`.
        argmax_agreement: fraction of the clean examples with the trained network's prediction.
        largest_logit_difference: from the trained network, on the clean examples.
        equal_logits: fraction of the clean examples on which no logit differs by more than `LOGIT_TOLERANCE` of the
            trained network's largest one.
    """

    n_examples: int
    clean_accuracy: float
    transferred: tuple[float, ...]
    robust_accuracy: float
    argmax_agreement: float
    largest_logit_difference: float
    equal_logits: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "transferred": list(self.transferred)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an exporter proved.

    Attributes:
        checks: what was checked, as JSON values for the manifest.
        figures: of the files as they were read back; None where the format cannot be run here.
        deployed_bytes: what the device stores of the parameters, or of the whole file where it takes the file.
        notes: what a reader of the manifest and the model card has to know of this format, sentences.
    """

    checks: Mapping[str, Any]
    figures: ArtefactFigures | None
    deployed_bytes: int | None = None
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "checks": dict(self.checks),
            "figures": None if self.figures is None else self.figures.to_json(),
            "deployed_bytes": self.deployed_bytes,
            "notes": list(self.notes),
        }


class Exporter(Protocol):
    """One format."""

    def __call__(self, model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
        """Write the format's files into `folder`, which is there and empty, read them back and check them.

        Raises:
            ExportError: a check failed.
        """
        ...
