"""QKeras `.h5` and configuration, for X-CUBE-AI and everyone who has QKeras; read back before it counts."""

import warnings
from pathlib import Path

from search.exporters.base import ExportContext, Exported
from search.exporters.figures import measure_artefact
from search.exporters.fresh_process import run_fresh
from search.exporters.packing import pack_model
from search.models.quantize import build_qkeras
from search.models.trained_model import TrainedModel
from spaces.errors import ExportError


def export_keras(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
    """Write `model.h5`, `model_config.json` and `parameters.bin`, the packed flash image.

    Raises:
        ExportError: the reloaded model gives other logits, or the flash image has another size than the search counted.
    """
    built = build_qkeras(model.topology, model.candidate, integer_bits=model.integer_bits, weights=model.weights)
    with warnings.catch_warnings():
        # QKeras serializes quantizers through Keras' constraints, and .h5 is the format that loads back.
        warnings.simplefilter("ignore", UserWarning)
        built.save(str(folder / "model.h5"), include_optimizer=False)
        config = built.to_json(indent=1)
    (folder / "model_config.json").write_text(config, encoding="utf-8")
    packed = pack_model(model)
    (folder / "parameters.bin").write_bytes(packed)
    size_bytes = context.cost.size_bytes
    if len(packed) != size_bytes:
        raise ExportError(f"the flash image has {len(packed)} bytes; the search counted size_bytes = {size_bytes}.")
    figures = measure_artefact(context, lambda x: run_fresh("keras", folder, x))
    if figures.largest_logit_difference != 0:
        raise ExportError(
            "the reloaded model.h5 gives other logits than the trained network (largest difference "
            f"{figures.largest_logit_difference:g})."
        )
    return Exported(
        checks={"logits": "equal", "loaded_in": "a fresh process", "parameters_bytes": len(packed)},
        figures=figures,
        deployed_bytes=size_bytes,
    )
