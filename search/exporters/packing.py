"""The flash image of a trained model: bit-packed weights, then biases and scales with batch normalization folded in.

Per layer, little-endian: the codes of the kernel in row-major order, `weight_bits` each, low bits first, the layer
padded to a byte; then for each output channel the bias (float32), then, where batch normalization is folded in, the
multiplier (float32), then the exponent of the power-of-two scale (int8). `search.metrics.cost` counts these bytes.
"""

import numpy as np
from numpy.typing import NDArray

from search.models.batch_norm import NORM_EPSILON
from search.models.quantizers import KernelCode, kernel_codes
from search.models.topology import Layer
from search.models.trained_model import TrainedModel
from search.runtime import tf
from spaces.errors import ExportError

Codes = NDArray[np.int8]


def pack_model(model: TrainedModel) -> bytes:
    """Return the flash image; its length is the model's `size_bytes`.

    Raises:
        ExportError: a kernel's codes and scales do not give its quantized values back.
    """
    return b"".join(_pack_layer(model, layer) for layer in model.topology.layers)


def layer_codes(model: TrainedModel, layer: Layer) -> tuple[Codes, NDArray[np.int8]]:
    """Return a layer's integer codes, shaped like its kernel, and the scale's exponent per output channel.

    Codes are -1 and 1 for binary kernels, else signed integers of the layer's width; the kernel's value is
    code * 2^exponent. QKeras gives one scale for a whole depthwise kernel, which is repeated for every channel.
    """
    policy = model.candidate.policies[layer.name]
    code = KernelCode.of(policy.weight_quantizer, policy.weight_bits).as_array()
    values, scale = kernel_codes(tf.constant(model.weights[f"{layer.name}/kernel"]), tf.constant(code))
    exponents = np.log2(scale.numpy().ravel())
    if not (
        np.array_equal(values.numpy(), np.round(values.numpy())) and np.array_equal(exponents, np.round(exponents))
    ):
        raise ExportError(f"layer {layer.name!r}: the kernel's codes or scales are not integers.")
    n_channels = model.topology.shapes[layer.name][-1]
    return values.numpy().astype(np.int8), np.broadcast_to(exponents, n_channels).astype(np.int8)


def pack_codes(codes: Codes, bits: int) -> bytes:
    """Pack codes into `bits` each, low bits first; 1-bit codes store -1 as 0 and 1 as 1."""
    flat = codes.ravel().astype(np.int16)  # int8 cannot hold the mask of 8 bits
    return pack_unsigned(((flat + 1) // 2 if bits == 1 else flat & ((1 << bits) - 1)).astype(np.uint8), bits)


def pack_unsigned(values: NDArray[np.uint8], bits: int) -> bytes:
    """Pack the low `bits` bits of each value, low bits first."""
    planes = (values.ravel()[:, None] >> np.arange(bits, dtype=np.uint8)) & 1
    return np.packbits(planes.ravel(), bitorder="little").tobytes()


def folded_norm(model: TrainedModel, layer: Layer) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return multiplier and bias per channel: the layer with its normalization is multiplier * (w * x) + bias."""
    multiplier, bias = exact_folded_norm(model, layer)
    return multiplier.astype(np.float32), bias.astype(np.float32)


def exact_folded_norm(model: TrainedModel, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what `folded_norm` rounds."""
    bias = model.weights[f"{layer.name}/bias"].astype(np.float64)
    norm = model.topology.norm_of.get(layer.name)
    if norm is None:
        return np.ones_like(bias), bias
    gamma, beta, mean, variance = (model.weights[f"{norm}/{field}"] for field in ("gamma", "beta", "mean", "variance"))
    multiplier = gamma / np.sqrt(variance.astype(np.float64) + NORM_EPSILON)
    return multiplier, beta + (bias - mean) * multiplier


def _pack_layer(model: TrainedModel, layer: Layer) -> bytes:
    codes, exponents = layer_codes(model, layer)
    multiplier, bias = folded_norm(model, layer)
    parts = [pack_codes(codes, model.candidate.policies[layer.name].weight_bits), bias.astype("<f4").tobytes()]
    if layer.name in model.topology.norm_of:
        parts.append(multiplier.astype("<f4").tobytes())
    parts.append(exponents.tobytes())
    return b"".join(parts)
