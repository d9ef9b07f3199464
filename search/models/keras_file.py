"""The closed list of classes that a Keras file may hold; it is looked at before anything of the file is built."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from spaces.errors import ArtifactError

# What `search.models.quantize.build_qkeras` writes, and nothing that carries code: no Lambda, no TFOpLambda.
_CLASSES = frozenset(
    {
        "Functional",
        "InputLayer",
        "Rescaling",
        "QConv2D",
        "QDepthwiseConv2D",
        "QDense",
        "QActivation",
        "BatchNormalization",
        "Add",
        "GlobalAveragePooling2D",
        "Flatten",
        "quantized_bits",
        "binary",
        "ternary",
        "Clip",
        "QInitializer",
        "HeNormal",
        "GlorotUniform",
        "Zeros",
        "Ones",
    }
)


def check_classes(path: Path) -> None:
    """Check that a Keras `.h5` file names no class but those of the closed list.

    Raises:
        ArtifactError: it cannot be read, or names another class.
    """
    try:
        with h5py.File(path, "r") as file:
            config = json.loads(file.attrs["model_config"])
    except (OSError, KeyError, ValueError) as error:
        raise ArtifactError(f"{path} is no Keras .h5 model: {error}.") from None
    others = sorted(set(_class_names(config)) - _CLASSES)
    if others:
        raise ArtifactError(
            f"{path} holds {', '.join(others)}; a model of this service holds only {', '.join(sorted(_CLASSES))}. It "
            "was written by something else and is not loaded."
        )


def _class_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str):
            yield value["class_name"]
        for item in value.values():
            yield from _class_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _class_names(item)
