"""ONNX with the Quant and BipolarQuant nodes of QONNX: the trained network's arithmetic, in the floats it is made of.

The graph takes inputs in input units, laid out as the network takes them, and gives the logits.
"""

from pathlib import Path

from search.exporters.base import ExportContext, Exported
from search.exporters.figures import measure_artefact
from search.exporters.fresh_process import run_fresh
from search.exporters.optional_tools import require
from search.models.trained_model import TrainedModel
from spaces.errors import ExportError

_FILE = "model.onnx"
_TOLERANCE = 1e-4  # of the largest logit: what the order of a sum and a division may change in float32


def export_qonnx(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
    """Write `model.onnx`.

    Raises:
        ExportError: onnx or qonnx is not installed, or the graph gives other logits than the trained network.
    """
    require("onnx", "qonnx", format_name="qonnx")
    import onnx

    from search.exporters.qonnx_graph import build_qonnx

    graph = build_qonnx(model)
    onnx.save(graph, str(folder / _FILE))
    figures = measure_artefact(context, lambda x: run_fresh("qonnx", folder, x))
    largest = float(abs(context.logits).max())
    if figures.largest_logit_difference > _TOLERANCE * largest:
        raise ExportError(
            "model.onnx gives other logits than the trained network (largest difference "
            f"{figures.largest_logit_difference:g}, where the largest logit is {largest:g})."
        )
    counts = {kind: sum(node.op_type == kind for node in graph.graph.node) for kind in ("Quant", "BipolarQuant")}
    return Exported(
        checks={
            "logits": "equal within float rounding",
            "relative_tolerance": _TOLERANCE,
            "loaded_in": "a fresh process, run by qonnx",
            "nodes": counts,
        },
        figures=figures,
        deployed_bytes=None,
        notes=(
            "Weights are stored as floats in front of their Quant nodes; a tool that takes QONNX packs them at the "
            "widths that the nodes name.",
        ),
    )
