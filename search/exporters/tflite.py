"""TensorFlow Lite, full int8: int8 input, int8 output, weights and activations on the grids that were trained."""

from pathlib import Path

from search.exporters.base import ExportContext, Exported
from search.exporters.figures import measure_artefact, require_agreement
from search.exporters.fresh_process import run_fresh
from search.exporters.tflite_graph import convert
from search.models.trained_model import TrainedModel
from spaces.errors import ExportError

_FILE = "model.tflite"
_WEIGHT_BITS = 8
_LEAST_AGREEMENT = 0.9  # far below what was measured (0.98 on ResNet-8), far above a wrong conversion


def export_tflite(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
    """Write `model.tflite`.

    Raises:
        ExportError: an operation is not in int8, the target's flash is too small for
            the file, or its answers are not those of the trained network.
    """
    content = convert(model, calibration=context.calibration, input_range=context.input_range)
    (folder / _FILE).write_bytes(content)
    _check_flash(len(content), context)
    types = _tensor_types(folder / _FILE)
    if not types <= {"int8", "int32"}:
        raise ExportError(
            f"model.tflite holds tensors of {', '.join(sorted(types))}, but full int8 has int8 and int32."
        )
    figures = measure_artefact(context, lambda x: run_fresh("tflite", folder, x))
    require_agreement(
        figures.argmax_agreement, least=_LEAST_AGREEMENT, n_examples=figures.n_examples, what="model.tflite"
    )
    packed = sum(layer.weight_bytes for layer in context.cost.layers)
    stored = sum(layer.n_weights for layer in model.topology.geometry)
    narrow = sorted({policy.weight_bits for policy in model.candidate.policies.values()} - {_WEIGHT_BITS})
    return Exported(
        checks={
            "argmax_agreement": figures.argmax_agreement,
            "least_argmax_agreement": _LEAST_AGREEMENT,
            "tensor_types": sorted(types),
            "loaded_in": "a fresh process, run by the LiteRT interpreter",
            "calibration_examples": len(context.calibration),
            "weight_bytes_at_8_bits": stored,
            "weight_bytes_packed": packed,
            "weight_bytes_added": stored - packed,
        },
        figures=figures,
        deployed_bytes=len(content),
        notes=(_storage_note(narrow, stored=stored, packed=packed),),
    )


def _storage_note(narrow: list[int], *, stored: int, packed: int) -> str:
    if not narrow:
        return "All weights were trained at 8 bits, which is how TensorFlow Lite stores them."
    widths = ", ".join(str(bits) for bits in narrow)
    return (
        f"TensorFlow Lite stores every weight in 8 bits: {stored:,} bytes, where the trained widths ({widths} bits "
        f"among them) need {packed:,} when packed; {stored - packed:,} bytes more."
    )


def _check_flash(n_bytes: int, context: ExportContext) -> None:
    target = context.target
    if target is not None and target.flash_bytes is not None and n_bytes > target.flash_bytes:
        raise ExportError(
            f"target {target.name!r} cannot take model.tflite: it has {n_bytes:,} bytes, but {target.flash_bytes:,} "
            "bytes of flash are left there; TensorFlow Lite stores every weight in 8 bits. Leave tflite out, or choose "
            "a smaller trial."
        )


def _tensor_types(path: Path) -> set[str]:
    from ai_edge_litert.interpreter import Interpreter

    return {str(detail["dtype"].__name__) for detail in Interpreter(model_path=str(path)).get_tensor_details()}
