"""A trained model as a QONNX graph, node by node.

ONNX convolves channels first: the input is transposed once, and once more before a flattening, whose order counts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from search.exporters.packing import layer_codes
from search.models.batch_norm import NORM_EPSILON
from search.models.quantizers import relu_range
from search.models.topology import (
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Input,
    Layer,
    Node,
    Relu,
    Rescale,
    Topology,
)
from search.models.trained_model import TrainedModel
from search.runtime import tf

_DOMAIN = "qonnx.custom_op.general"
_OPSET = 13
_CHANNELS_FIRST, _CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)

Array = NDArray[np.float32]


def build_qonnx(model: TrainedModel) -> ModelProto:
    """Return the graph for one example; input `input` [1, height, width, channels], output `logits`."""
    graph = _Graph(model)
    for node in model.topology.nodes:
        graph.add(node)
    return graph.finish()


class _Graph:
    """The nodes so far, and the tensor that stands for each node of the topology."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._topology: Topology = model.topology
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._tensor_of: dict[str, str] = {}

    def add(self, node: Node) -> None:
        """Append what computes a node of the topology."""
        sources = [self._tensor_of[name] for name in node.inputs]
        match node:
            case Input():
                result = self._input(node)
            case Rescale():
                result = self._emit("Mul", [sources[0], self._constant(f"{node.name}.factor", node.factor)], node.name)
            case Conv2D() | DepthwiseConv2D():
                result = self._convolution(node, sources[0])
            case Dense():
                result = self._dense(node, sources[0])
            case BatchNorm():
                result = self._normalization(node, sources[0])
            case Relu():
                result = self._relu(node, sources[0])
            case Add():
                result = self._emit("Add", sources, node.name)
            case GlobalAveragePool():
                pooled = self._emit("GlobalAveragePool", sources, f"{node.name}.pooled")
                result = self._emit("Flatten", [pooled], node.name, axis=1)
            case Flatten():
                result = self._flatten(node, sources[0])
            case _:
                raise TypeError(f"no QONNX node for {type(node).__name__}")
        self._tensor_of[node.name] = result

    def finish(self) -> ModelProto:
        """Return the checked model."""
        topology = self._topology
        self._nodes[-1].output[0] = "logits"
        graph = helper.make_graph(
            self._nodes,
            topology.name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, *topology.input_shape])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, topology.n_classes])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_DOMAIN, 1)]
        # The oldest form that has this opset, so that tools of any age read the file.
        proto = helper.make_model(graph, opset_imports=opsets, producer_name="cosearch", ir_version=8)
        checker.check_model(proto)
        return proto

    def _input(self, node: Node) -> str:
        if len(self._topology.shapes[node.name]) != 3:
            return "input"
        return self._emit("Transpose", ["input"], "channels_first", perm=_CHANNELS_FIRST)

    def _flatten(self, node: Node, source: str) -> str:
        if len(self._topology.shapes[node.inputs[0]]) == 3:
            source = self._emit("Transpose", [source], f"{node.name}.channels_last", perm=_CHANNELS_LAST)
        return self._emit("Flatten", [source], node.name, axis=1)

    def _normalization(self, node: BatchNorm, source: str) -> str:
        """Append (x - mean) * factor + beta, in the order in which TensorFlow computes it.

        ONNX' own node takes x * factor + (beta - mean * factor), which rounds otherwise: a quantizer behind it then
        takes the other side of a tie now and then.
        """
        gamma, beta, mean, variance = (
            self._model.weights[f"{node.name}/{field}"] for field in ("gamma", "beta", "mean", "variance")
        )
        factor = tf.math.rsqrt(variance + np.float32(NORM_EPSILON)).numpy() * gamma
        shape = (-1, 1, 1) if len(self._topology.shapes[node.name]) == 3 else (-1,)
        value = source
        for kind, field, constant in (("Add", "centered", -mean), ("Mul", "scaled", factor), ("Add", "shifted", beta)):
            given = self._constant(f"{node.name}.{field}_by", constant.reshape(shape))
            value = self._emit(kind, [value, given], f"{node.name}.{field}")
        return value

    def _convolution(self, layer: Conv2D | DepthwiseConv2D, source: str) -> str:
        height, width = self._topology.shapes[layer.inputs[0]][:2]
        begins, ends = zip(
            *(
                _padding(size, window=window, stride=stride, padding=layer.padding)
                for size, window, stride in zip((height, width), layer.kernel_size, layer.strides, strict=True)
            ),
            strict=True,
        )
        # [h, w, in, out] and [h, w, in, 1] become [out, in or 1, h, w].
        order = (3, 2, 0, 1) if isinstance(layer, Conv2D) else (2, 3, 0, 1)
        n_channels = self._topology.shapes[layer.name][-1]
        kernel = self._kernel(layer, order=order, scale_shape=(n_channels, 1, 1, 1))
        return self._emit(
            "Conv",
            [source, kernel, self._bias(layer)],
            layer.name,
            kernel_shape=layer.kernel_size,
            strides=layer.strides,
            pads=(*begins, *ends),
            group=n_channels if isinstance(layer, DepthwiseConv2D) else 1,
        )

    def _dense(self, layer: Dense, source: str) -> str:
        kernel = self._kernel(layer, order=(0, 1), scale_shape=(1, layer.units))
        product = self._emit("MatMul", [source, kernel], f"{layer.name}.product")
        return self._emit("Add", [product, self._bias(layer)], layer.name)

    def _kernel(self, layer: Layer, *, order: Sequence[int], scale_shape: tuple[int, ...]) -> str:
        """Append the quantizer of a kernel, whose values are already on its grid."""
        codes, exponents = layer_codes(self._model, layer)
        scale = np.exp2(exponents.astype(np.float32)).reshape(scale_shape)
        values = codes.astype(np.float32).transpose(order) * scale
        bits = self._model.candidate.policies[layer.name].weight_bits
        given = [self._constant(f"{layer.name}.kernel", values), self._constant(f"{layer.name}.kernel_scale", scale)]
        name = f"{layer.name}.quantized_kernel"
        if bits == 1:
            return self._emit("BipolarQuant", given, name, domain=_DOMAIN)
        return self._quant(given, name, bits=bits, signed=1, narrow=1)

    def _relu(self, node: Relu, source: str) -> str:
        bits = self._model.candidate.policies[self._topology.activation_owner[node.name]].activation_bits or 0
        step, _ = relu_range(bits, self._model.integer_bits[node.name][bits])
        positive = self._emit("Relu", [source], f"{node.name}.positive")
        given = [positive, self._constant(f"{node.name}.step", step)]
        return self._quant(given, node.name, bits=bits, signed=0, narrow=0)

    def _quant(self, given: Sequence[str], name: str, *, bits: int, signed: int, narrow: int) -> str:
        inputs = [*given, self._constant("zero_point", 0.0), self._constant(f"bits_{bits}", float(bits))]
        # ROUND is NumPy's, half to even, as QKeras rounds.
        return self._emit("Quant", inputs, name, domain=_DOMAIN, signed=signed, narrow=narrow, rounding_mode="ROUND")

    def _bias(self, layer: Layer) -> str:
        return self._constant(f"{layer.name}.bias", self._model.weights[f"{layer.name}/bias"])

    def _constant(self, name: str, value: Array | float) -> str:
        if name not in self._constants:
            # Made contiguous: a transposed view would be stored in its old order.
            array = np.ascontiguousarray(value, dtype=np.float32).reshape(np.shape(value))
            self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def _emit(self, kind: str, inputs: Sequence[str], name: str, *, domain: str = "", **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **attributes))
        return name


def _padding(size: int, *, window: int, stride: int, padding: str) -> tuple[int, int]:
    """Return the zeros before and after an axis, as TensorFlow chooses them: an odd one goes to the end."""
    if padding != "same":
        return 0, 0
    missing = max((-(-size // stride) - 1) * stride + window - size, 0)
    return missing // 2, missing - missing // 2
