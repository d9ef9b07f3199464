"""An hls4ml project for FPGAs: converted and checked in a process of its own, its C++ compiled and run on examples."""

import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from search.data.dataset import Inputs
from search.exporters.base import ExportContext, Exported, Logits
from search.exporters.figures import first_examples, measure_artefact, require_agreement
from search.exporters.fresh_process import run_module
from search.exporters.hls4ml_model import Hls4mlModel, build_hls4ml_model
from search.models.trained_model import TrainedModel

_PROCESS = "search.exporters.hls4ml_process"
_SIMULATED_MACS = 2_000_000_000  # the C++ manages some 20 million a second, on a machine that does other things too
_FEWEST_EXAMPLES = 10
_LEAST_AGREEMENT = 0.9


def export_hls4ml(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
    """Write `project/`, `model.h5` (what hls4ml read) and `precisions.json` (what it was told).

    Raises:
        ExportError: a layer fell back to a default type, a kernel has another width than was
            trained, or the simulated answers are not those of the trained network.
    """
    prepared = build_hls4ml_model(model, context.calibration, context.input_range)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # as in the keras format
        prepared.keras.save(str(folder / "model.h5"), include_optimizer=False)
    precisions = json.dumps(prepared.precisions, indent=1) + "\n"
    (folder / "precisions.json").write_text(precisions, encoding="utf-8")
    project = _Project(prepared, folder)
    compiler = shutil.which("g++")
    if compiler is None:
        report = project.convert()
        return _exported(prepared, report, None, ("No C++ compiler was found (g++), so nothing was simulated.",))
    fitting = max(_SIMULATED_MACS // (context.cost.macs * (1 + len(context.epsilons))), _FEWEST_EXAMPLES)
    simulated = first_examples(context, fitting)
    figures = measure_artefact(simulated, project.simulate)
    what = "the simulated hls4ml project"
    require_agreement(figures.argmax_agreement, least=_LEAST_AGREEMENT, n_examples=figures.n_examples, what=what)
    few = figures.n_examples < len(context.y)
    notes = (f"The simulation takes long, so it saw the first {figures.n_examples} of {len(context.y)} test examples.",)
    return _exported(prepared, project.report, figures, notes if few else ())


class _Project:
    """The project's folder, written by a process of its own."""

    def __init__(self, prepared: Hls4mlModel, folder: Path) -> None:
        self._prepared = prepared
        self._folder = folder
        self.report: dict[str, Any] = {}

    def convert(self) -> dict[str, Any]:
        """Convert and check; return the process's report."""
        with tempfile.TemporaryDirectory(prefix="hls4ml-") as scratch:
            self._run(Path(scratch), None)
        return self.report

    def simulate(self, x: Inputs) -> Logits:
        """Convert, check, compile and return the logits [n, n_classes] for inputs [n, ...] in input units."""
        with tempfile.TemporaryDirectory(prefix="hls4ml-") as scratch:
            given = Path(scratch) / "inputs.npy"
            np.save(given, x * np.float32(self._prepared.input_factor), allow_pickle=False)
            return np.asarray(self._run(Path(scratch), given), dtype=np.float32).reshape(len(x), -1)

    def _run(self, scratch: Path, inputs: Path | None) -> Any:
        job, report, logits = scratch / "job.json", scratch / "report.json", scratch / "logits.npy"
        content = {
            "keras_file": str(self._folder / "model.h5"),
            "precisions": self._prepared.precisions,
            "weight_types": dict(self._prepared.weight_types),
            "project": str(self._folder / "project"),
            "scratch": str(scratch / "project"),
            "report": str(report),
            "inputs": None if inputs is None else str(inputs),
            "logits": str(logits),
        }
        job.write_text(json.dumps(content), encoding="utf-8")
        run_module(_PROCESS, str(job), what="hls4ml: the conversion")
        self.report = json.loads(report.read_text(encoding="utf-8"))
        return None if inputs is None else np.load(logits, allow_pickle=False)


def _exported(prepared: Hls4mlModel, report: dict[str, Any], figures: Any, notes: tuple[str, ...]) -> Exported:
    factor = prepared.input_factor
    if factor != 1:
        notes = (f"The project's input is the network's input times {factor:g}: the rescaling is left out.", *notes)
    return Exported(
        checks={
            "default_types": "none",
            "weight_types": dict(prepared.weight_types),
            "types": report["types"],
            "simulated": None
            if figures is None
            else {"compile_s": report["compile_s"], "simulation_s": report["simulation_s"]},
            "loaded_in": "a fresh process",
        },
        figures=figures,
        notes=notes,
    )
