"""Reading the weights of a Keras model out of its SavedModel, without running any of its code."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from search.models.float_weights import KERAS_FIELDS, Weights, match_weights
from search.models.topology import Topology
from search.runtime import tf
from spaces.errors import SpecError

_PREFIX = "variables"  # of the files in a SavedModel's folder of the same name
_VARIABLE = re.compile(r"layer_with_weights-(\d+)/(\w+)/\.ATTRIBUTES/VARIABLE_VALUE")


def load_saved_model_weights(files: Mapping[str, bytes], topology: Topology, *, where: str) -> Weights:
    """Return the weights of a float model of this topology; a softmax at the end is of no consequence.

    Args:
        files: name -> content of the files in the SavedModel's folder `variables`.
        topology: what they are expected to hold.
        where: names the model in errors.

    Raises:
        SpecError: the files cannot be read, or layers or shapes are not those of the topology.
    """
    groups: dict[int, Weights] = {}
    with tempfile.TemporaryDirectory(prefix="saved-model-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        try:
            reader = tf.train.load_checkpoint(str(Path(folder) / _PREFIX))
            names = list(reader.get_variable_to_shape_map())
        except (tf.errors.OpError, ValueError) as error:
            raise SpecError(f"{where} is no SavedModel that can be read: {error}.") from None
        for name in names:
            matched = _VARIABLE.fullmatch(name)
            if matched is not None and matched[2] in KERAS_FIELDS:
                fields = groups.setdefault(int(matched[1]), {})
                fields[KERAS_FIELDS[matched[2]]] = np.asarray(reader.get_tensor(name), np.float32)
    return match_weights([groups[index] for index in sorted(groups)], topology, where=where)
