"""Run as a process of its own: reads an export's files with the tools of its users and writes the logits they give.

python -m search.exporters.readback FORMAT FOLDER INPUTS.npy LOGITS.npy
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from search.data.dataset import Inputs
from search.exporters.base import Logits, RunArtefact

_BATCH = 256


def read_keras(folder: Path) -> RunArtefact:
    """Load `model.h5`."""
    from search.models.quantize import load_qkeras

    model = load_qkeras(folder / "model.h5")
    return lambda x: np.asarray(model(x))


def read_tflite(folder: Path) -> RunArtefact:
    """Load `model.tflite` into the interpreter; inputs and logits are converted to and from its int8."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / "model.tflite"))
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    (in_scale, in_zero), (out_scale, out_zero) = given["quantization"], found["quantization"]

    def run(x: Inputs) -> Logits:
        interpreter.resize_tensor_input(given["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], np.clip(np.round(x / in_scale) + in_zero, -128, 127).astype(np.int8))
        interpreter.invoke()
        logits: Logits = (interpreter.get_tensor(found["index"]).astype(np.float32) - out_zero) * np.float32(out_scale)
        return logits

    return run


def read_qonnx(folder: Path) -> RunArtefact:
    """Load `model.onnx` into qonnx, which runs it node by node."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = ModelWrapper(str(folder / "model.onnx"))

    def run(x: Inputs) -> Logits:
        if model.get_tensor_shape("input") != list(x.shape):  # the file's is one example
            model.set_tensor_shape("input", list(x.shape))
            model.set_tensor_shape("logits", [len(x), model.get_tensor_shape("logits")[1]])
            for info in list(model.graph.value_info):
                model.graph.value_info.remove(info)
        logits: Logits = execute_onnx(model.transform(InferShapes()), {"input": x})["logits"]
        return logits

    return run


READERS: dict[str, Callable[[Path], RunArtefact]] = {
    "keras": read_keras,
    "tflite": read_tflite,
    "qonnx": read_qonnx,
}


def run_in_batches(run: RunArtefact, x: Inputs) -> Logits:
    """Return logits for any number of inputs."""
    return np.concatenate([run(x[begin : begin + _BATCH]) for begin in range(0, len(x), _BATCH)])


def main(format_name: str, folder: str, inputs: str, logits: str) -> None:
    """Read, run, write."""
    run = READERS[format_name](Path(folder))
    np.save(logits, run_in_batches(run, np.load(inputs, allow_pickle=False)), allow_pickle=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
