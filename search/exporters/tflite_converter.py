"""The one door to TensorFlow Lite's converter: a function in, a full int8 file out; and float networks as they are."""

import logging
import warnings
from collections.abc import Iterator
from typing import Any

from search.data.dataset import Inputs
from search.models.network import Mode, Network
from search.runtime import notices_held_back, tf


def to_int8(function: Any, module: Any, *, calibration: Inputs) -> bytes:
    """Return a function as a `.tflite` file with int8 input and output.

    Args:
        function: `tf.function` of one example, with its signature.
        module: holds the function's variables, if it has any.
        calibration: inputs, from which come the ranges that the graph does not name.  # [n, ...]
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8

    def representative_dataset() -> Iterator[list[Inputs]]:
        for example in calibration:
            yield [example[None]]

    converter.representative_dataset = representative_dataset
    logging.getLogger("absl").setLevel(logging.ERROR)
    with warnings.catch_warnings(), notices_held_back():
        # The input's range is in the graph, so the statistics that the converter misses are there.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected", UserWarning)
        content: bytes = converter.convert()
    return content


def quantize_after_training(network: Network, *, calibration: Inputs) -> bytes:
    """Return a float network as a `.tflite` file: int8 by the converter's own rules, nothing of it trained for that.

    Args:
        network: with the statistics that it is deployed with.
        calibration: inputs of the training split, from which all ranges come.  # [n, ...]
    """
    module = tf.Module()
    module.kept = list(network.variables.values())

    def forward(x: Any) -> Any:
        return network.forward(x, kernels=network.float_kernels(), mode=Mode.DEPLOYED, quantized=False).logits

    signature = [tf.TensorSpec([1, *network.topology.input_shape], tf.float32)]
    return to_int8(tf.function(forward, input_signature=signature, autograph=False), module, calibration=calibration)
