"""A `.tflite` classifier as attacks see it: predictions of the real file, gradients of a float network like it."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Classifier, Inputs, Labels
from search.attacks.losses import Backward, Loss
from search.threads import available_cpus
from spaces.errors import DataError, SetupError

_BATCH = 256
_IDENTIFIER = b"TFL3"
_MODULES = ("ai_edge_litert", "flatbuffers")


def require_litert() -> None:
    """Check that the interpreter can be imported.

    Raises:
        SetupError: it cannot; the message names the extra.
    """
    missing = [module for module in _MODULES if find_spec(module) is None]
    if missing:
        raise SetupError(
            f"int8 reference models need {', '.join(missing)}, not installed here; pip install 'cosearch[export]' (or "
            "-e '.[export]' in the project's folder)."
        )


class LitertClassifier:
    """An int8 `.tflite` file, run by the interpreter that devices' results are checked with.

    Gradients do not go back through the file. They are those of its float twin, so that white-box attacks are
    transferred at every step: what they reach is judged by the file. It ends in logits; `without_softmax` cuts what
    follows them off.
    """

    def __init__(
        self,
        content: bytes,
        *,
        twin: Classifier,
        to_raw: Callable[[Inputs], Inputs],
        classes: Sequence[int] | None = None,
    ) -> None:
        """Load a model; nothing is run yet.

        Args:
            content: of the file, whose first input is quantized to int8.
            twin: the float network that it was made from, which gives gradients, with the classes below.
            to_raw: turns inputs in the study's units into what the float model took before quantization.
            classes: which of the file's outputs are kept, in the study's order; None for all as they are.
        """
        from ai_edge_litert.interpreter import Interpreter

        self._twin, self._to_raw = twin, to_raw
        self._classes = None if classes is None else list(classes)
        self._interpreter: Any = Interpreter(model_content=content, num_threads=available_cpus())
        self._input, self._output = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]
        self._n_allocated = 0

    @property
    def input_range(self) -> tuple[float, float]:
        """Bounds of valid inputs."""
        return self._twin.input_range

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        """Return the logits of the file, dequantized.  # [n, n_classes]"""
        if not len(x):
            return self._twin.logits(x)
        parts = [self._run(x[begin : begin + _BATCH]) for begin in range(0, len(x), _BATCH)]
        logits = np.concatenate(parts)
        return logits if self._classes is None else logits[:, self._classes]

    def loss_gradient(
        self,
        x: Inputs,
        y: Labels,
        *,
        loss: Loss,
        backward: Backward,
        targets: Labels | None = None,
        scale: float = 1.0,
    ) -> tuple[NDArray[np.float32], Inputs]:
        """Return the file's logits [n, n_classes] and the twin's gradient of each example's loss, like x."""
        _, gradient = self._twin.loss_gradient(x, y, loss=loss, backward=backward, targets=targets, scale=scale)
        return self.logits(x), gradient

    def _run(self, x: Inputs) -> NDArray[np.float32]:
        interpreter = self._interpreter
        if len(x) != self._n_allocated:
            interpreter.resize_tensor_input(self._input["index"], [len(x), *self._input["shape"][1:]])
            interpreter.allocate_tensors()
            self._n_allocated = len(x)
        scale, zero = self._input["quantization"]
        raw = self._to_raw(x).reshape(len(x), *self._input["shape"][1:])
        interpreter.set_tensor(self._input["index"], np.clip(np.round(raw / scale) + zero, -128, 127).astype(np.int8))
        interpreter.invoke()
        scale, zero = self._output["quantization"]
        values: NDArray[np.float32] = interpreter.get_tensor(self._output["index"]).astype(np.float32)
        return (values - np.float32(zero)) * np.float32(scale)


def without_softmax(content: bytes) -> bytes:
    """Return a `.tflite` model that ends where its last softmax began, with everything else as it was.

    Raises:
        DataError: the content is no `.tflite` model with one graph, or that does not end in a softmax.
    """
    if content[4:8] != _IDENTIFIER:
        raise DataError(f"a .tflite model has {_IDENTIFIER!r} in its bytes 4 to 8; got {content[4:8]!r}.")
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    last = graph.operators[-1]
    code = model.operatorCodes[last.opcodeIndex]
    # Old files have the operator in the deprecated field alone; codes beyond its 7 bits are in the other one.
    operator = max(code.builtinCode, code.deprecatedBuiltinCode)
    if len(model.subgraphs) != 1 or operator != schema.BuiltinOperator.SOFTMAX:
        raise DataError("the .tflite model must have one graph, which ends in a softmax.")
    graph.outputs, graph.operators = [last.inputs[0]], graph.operators[:-1]
    model.signatureDefs = None  # they name the output that is gone
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())
