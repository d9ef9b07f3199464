"""QKeras `.h5` and configuration, for X-CUBE-AI and everyone who has QKeras; reloaded and compared before it counts."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search.exporters.packing import pack_model
from search.metrics.cost import candidate_cost
from search.models.classifier import NetworkClassifier
from search.models.network import Network
from search.models.quantize import build_qkeras, load_qkeras
from search.models.trained_model import TrainedModel
from spaces.errors import ExportError

_PROBES = 256


def export_keras(model: TrainedModel, folder: Path) -> Mapping[str, Any]:
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
    size_bytes = candidate_cost(model.topology, model.candidate).size_bytes
    if len(packed) != size_bytes:
        raise ExportError(f"the flash image has {len(packed)} bytes; the search counted size_bytes = {size_bytes}.")
    difference = _largest_difference(model, folder / "model.h5")
    if difference != 0:
        raise ExportError(
            f"the reloaded model.h5 gives other logits than the trained network (largest difference {difference:g})."
        )
    return {"checked_inputs": _PROBES, "largest_logit_difference": difference, "parameters_bytes": len(packed)}


def _largest_difference(model: TrainedModel, path: Path) -> float:
    """Compare the trained network with the file, on random inputs."""
    network = Network(model.topology)
    network.load_weights(model.weights)
    network.load_policies(model.candidate, model.integer_bits)
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0))
    classifier.refresh()
    probes = np.random.default_rng(0).random((_PROBES, *model.topology.input_shape), dtype=np.float32)
    return float(np.abs(load_qkeras(path)(probes).numpy() - classifier.logits(probes)).max())
