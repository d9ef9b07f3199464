"""ONNX with the Quant and BipolarQuant nodes of QONNX: the trained network's arithmetic, in the floats it is made of.

The graph takes inputs in input units, laid out as the network takes them, and gives the logits.
"""

from pathlib import Path

from search.exporters.base import LOGIT_TOLERANCE, ExportContext, Exported
from search.exporters.figures import LEAST_EXACT_AGREEMENT, measure_artefact, require_agreement
from search.exporters.fresh_process import run_fresh
from search.models.trained_model import TrainedModel
from spaces.errors import ExportError

_FILE = "model.onnx"
# Measured: equal to the bit on all of 512 CIFAR-10 images. Where a platform sums in another order, rounding may push a
# value over the edge between two codes of an activation, which shows in that example's logits; anything wrong in the
# graph shows on all of them.
_LEAST_EQUAL = 0.99


def export_qonnx(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
    """Write `model.onnx`.

    Raises:
        ExportError: the graph gives other logits than the trained network.
    """
    import onnx

    from search.exporters.qonnx_graph import build_qonnx

    graph = build_qonnx(model)
    onnx.save(graph, str(folder / _FILE))
    figures = measure_artefact(context, lambda x: run_fresh("qonnx", folder, x))
    if figures.equal_logits < _LEAST_EQUAL:
        raise ExportError(
            f"model.onnx gives other logits than the trained network on {1 - figures.equal_logits:.1%} of "
            f"{figures.n_examples} examples, another answer on {1 - figures.argmax_agreement:.1%} (largest difference "
            f"{figures.largest_logit_difference:g})."
        )
    require_agreement(
        figures.argmax_agreement, least=LEAST_EXACT_AGREEMENT, n_examples=figures.n_examples, what="model.onnx"
    )
    counts = {kind: sum(node.op_type == kind for node in graph.graph.node) for kind in ("Quant", "BipolarQuant")}
    return Exported(
        checks={
            "logits": "equal within float rounding",
            "relative_tolerance": LOGIT_TOLERANCE,
            "equal_on": figures.equal_logits,
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
