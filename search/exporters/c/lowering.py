"""A trained model becomes an integer program: scales, normalizations and rescalings folded into fixed point.

Activations are codes with a power-of-two step. A step's sums have a power-of-two unit of their own, chosen so that the
largest sum which the weights allow stays below 2^29 units, and never finer than 2^-24 of the activation's step.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.data.input_grid import InputGrid
from search.exporters.c.fixed_point import (
    HEADROOM_BITS,
    Reals,
    common_multiplier,
    exact_exponent,
    in_units,
    multipliers_and_shifts,
    unit_exponent,
)
from search.exporters.c.program import LayerKind, LayerProgram, Program, StepProgram, TermProgram
from search.exporters.c.weight_order import convolution_bytes, plain_bytes, unsigned_codes
from search.exporters.packing import exact_folded_norm, layer_codes
from search.metrics.memory_plan import WORD_BYTES, Step, patch_bytes, plan_memory, stored_node
from search.models.quantizers import relu_range
from search.models.topology import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    Layer,
    Relu,
    Rescale,
    Shape,
    Topology,
)
from search.models.trained_model import TrainedModel
from spaces.errors import ExportError

_MOST_FRACTION_BITS = 24
_LARGEST_TERM_SHIFT = 30
_INT32_LIMIT = 2**31
_INPUT_CODE_LIMIT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A stored value: integers in 0..largest (or sums of either sign up to it), each worth `scale` above `zero`."""

    scale: float
    zero: int
    largest: int
    is_wide: bool
    is_exact: bool = True  # whether the integers count whole codes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Linear:
    """A layer in real numbers: acc * factors + biases, with |acc| up to `largest`.  # [channels] each"""

    layer: Layer
    source: _Stored
    bits: int
    codes: NDArray[np.int8]  # [n_inputs, channels]
    exponents: NDArray[np.int64]
    multipliers: Reals | None
    biases: Reals
    largest: Reals

    @property
    def factors(self) -> Reals:
        """What an accumulator of 1 is worth."""
        plain: Reals = np.ldexp(self.source.scale, self.exponents)
        return plain if self.multipliers is None else plain * self.multipliers

    @property
    def bound(self) -> float:
        """No output is larger in magnitude."""
        return float((np.abs(self.factors) * self.largest + np.abs(self.biases)).max())


def lower(model: TrainedModel, grid: InputGrid) -> Program:
    """Return the integer program of a trained model.

    Args:
        model: the network.
        grid: what codes the input arrives in.

    Raises:
        ExportError: the network needs what the C kernels do not have; the message names the node.
    """
    topology = model.topology
    plan = plan_memory(topology)
    source = topology.nodes[0].name
    stored = {source: _Stored(scale=grid.scale, zero=grid.zero_point, largest=_INPUT_CODE_LIMIT, is_wide=False)}
    steps = []
    for index, step in enumerate(plan.steps):
        scratch = plan.scratch[index].offset if index in plan.scratch else None
        lowered, stored[step.output] = _lower_step(model, step, stored, scratch)
        steps.append(lowered)
    return Program(input=source, input_shape=topology.input_shape, plan=plan, steps=tuple(steps))


def _lower_step(
    model: TrainedModel, step: Step, stored: dict[str, _Stored], scratch: int | None
) -> tuple[StepProgram, _Stored]:
    topology = model.topology
    node = topology.by_name[step.output]
    if isinstance(node, GlobalAveragePool):
        return _lower_pool(topology, step, stored)
    linears = [_linear(model, name, stored) for name in step.layers]
    terms = [_view(topology, name, stored) for name in step.terms]
    bound = sum(linear.bound for linear in linears) + sum(term.scale * term.largest for term in terms)
    exponent = unit_exponent(bound)
    if isinstance(node, Relu):
        bits = model.candidate.policies[topology.activation_owner[node.name]].activation_bits or 0
        step_size = float(relu_range(bits, model.integer_bits[node.name][bits])[0])
        step_exponent = math.frexp(step_size)[1] - 1
        exponent = max(exponent, step_exponent - _MOST_FRACTION_BITS)
        fraction = step_exponent - exponent
        if fraction < 1:
            raise ExportError(
                f"node {node.name!r}: its sums reach {bound:g}, too many steps of {step_size:g} for 32 bits."
            )
        result = _Stored(scale=step_size, zero=0, largest=2**bits - 1, is_wide=False)
    else:
        fraction = 0
        largest = 1 << HEADROOM_BITS
        result = _Stored(scale=math.ldexp(1.0, exponent), zero=0, largest=largest, is_wide=True, is_exact=False)
    at = None if scratch is None else scratch + WORD_BYTES * topology.shapes[step.output][-1]
    layers = []
    for linear in linears:
        size = patch_bytes(topology, linear.layer)
        layers.append(_lower_layer(topology, linear, exponent, at if size else None))
        at = None if at is None else at + size
    lowered = StepProgram(
        output=step.output,
        shape=_as_image(topology.shapes[step.output]),
        layers=tuple(layers),
        terms=tuple(_lower_term(topology, name, term, exponent) for name, term in zip(step.terms, terms, strict=True)),
        unit_exponent=exponent,
        fraction=fraction,
        max_code=None if result.is_wide else result.largest,
        pooled_area=None,
        sums=scratch,
    )
    return lowered, result


def _lower_pool(topology: Topology, step: Step, stored: dict[str, _Stored]) -> tuple[StepProgram, _Stored]:
    """Keep the sum of the codes; the division by their number becomes part of the scale."""
    source = _view(topology, step.terms[0], stored)
    if source.is_wide:
        raise ExportError(
            f"node {step.output!r} averages values that no activation has quantized; put a Relu before it."
        )
    shape = topology.shapes[step.terms[0]]
    area = math.prod(shape[:-1])
    if area * source.largest >= _INT32_LIMIT or source.zero:
        raise ExportError(f"node {step.output!r} averages the input itself, or {area} positions: too many.")
    lowered = StepProgram(
        output=step.output,
        shape=_as_image(topology.shapes[step.output]),
        layers=(),
        terms=(TermProgram(source=stored_node(topology, step.terms[0]), shift=0, is_wide=False),),
        unit_exponent=0,
        fraction=0,
        max_code=None,
        pooled_area=area,
        sums=None,
    )
    return lowered, _Stored(scale=source.scale / area, zero=0, largest=source.largest * area, is_wide=True)


def _view(topology: Topology, name: str, stored: dict[str, _Stored]) -> _Stored:
    """Return a stored value as a node shows it: a Rescale changes its scale."""
    node = topology.by_name[name]
    if name in stored:
        return stored[name]
    value = _view(topology, node.inputs[0], stored)
    if not isinstance(node, Rescale):
        return value
    if node.factor <= 0:
        raise ExportError(f"node {name!r}: the C export needs a Rescale factor above 0; got {node.factor:g}.")
    return replace(value, scale=value.scale * node.factor)


def _linear(model: TrainedModel, name: str, stored: dict[str, _Stored]) -> _Linear:
    topology = model.topology
    layer = next(layer for layer in topology.layers if layer.name == name)
    source = _view(topology, layer.inputs[0], stored)
    if not source.is_exact or (source.is_wide and not isinstance(layer, Dense)):
        raise ExportError(
            f"layer {name!r} reads {layer.inputs[0]!r}, which no activation has quantized; the C export computes "
            "layers on codes only. Put a Relu between them."
        )
    codes, exponents = layer_codes(model, layer)
    bits = model.candidate.policies[name].weight_bits
    flat = codes.reshape(-1, topology.shapes[name][-1])
    multipliers, biases = exact_folded_norm(model, layer)
    signed = flat.astype(np.int64)
    reach = np.maximum(np.maximum(signed, 0).sum(axis=0), np.maximum(-signed, 0).sum(axis=0)) * source.largest
    if len(flat) * source.largest * 2**bits >= _INT32_LIMIT:
        raise ExportError(f"layer {name!r}: {len(flat)} inputs an output can overflow a 32-bit accumulator.")
    linear = _Linear(
        layer=layer,
        source=source,
        bits=bits,
        codes=flat,
        exponents=exponents.astype(np.int64),
        multipliers=multipliers if name in topology.norm_of else None,
        biases=biases,
        largest=reach.astype(np.float64),
    )
    # What the code of 0 adds to every accumulator is taken off the bias.
    return replace(linear, biases=biases - linear.factors * source.zero * signed.sum(axis=0))


def _lower_layer(topology: Topology, linear: _Linear, exponent: int, scratch: int | None) -> LayerProgram:
    layer = linear.layer
    in_shape = _as_image(topology.shapes[layer.inputs[0]])
    kernel_size, strides, pads = (1, 1), (1, 1), (0, 0)
    kind = LayerKind.DENSE_OF_SUMS if linear.source.is_wide else LayerKind.CONVOLUTION
    if isinstance(layer, Dense):
        in_shape = (1, 1, math.prod(in_shape))
    else:
        kernel_size, strides = layer.kernel_size, layer.strides
        pads = _pads(layer, in_shape)
    if isinstance(layer, DepthwiseConv2D):
        kind = LayerKind.DEPTHWISE
    # A channel without a weight never has an accumulator, and its factor may be out of reach.
    alive = linear.largest > 0
    multiplier = 0
    if linear.multipliers is None:
        multipliers = None
        exponents = np.where(alive, linear.exponents, 0) - exponent
        multiplier, shifts = common_multiplier(linear.source.scale, exponents)
        shifts = np.where(alive, shifts, 1).astype(np.int8)
    else:
        multipliers, shifts = multipliers_and_shifts(np.where(alive, np.ldexp(linear.factors, -exponent), 0.0))
    return LayerProgram(
        name=layer.name,
        kind=kind,
        source=stored_node(topology, layer.inputs[0]),
        in_shape=in_shape,
        kernel_size=kernel_size,
        strides=strides,
        pads=pads,
        zero=linear.source.zero,
        bits=linear.bits,
        weights=_weight_bytes(linear, kind),
        biases=in_units(linear.biases, exponent),
        multipliers=multipliers,
        multiplier=multiplier,
        shifts=shifts,
        scratch=scratch,
    )


def _weight_bytes(linear: _Linear, kind: LayerKind) -> bytes:
    unsigned = unsigned_codes(linear.codes, linear.bits)
    if kind is LayerKind.CONVOLUTION:
        return convolution_bytes(unsigned, linear.bits)
    return plain_bytes(unsigned, linear.bits, by_channel=kind is LayerKind.DENSE_OF_SUMS)


def _pads(layer: Conv2D | DepthwiseConv2D, in_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return rows and columns of zeros above and on the left, TensorFlow's share of an odd number."""
    if layer.padding == "valid":
        return 0, 0
    top, left = (
        max((-(-size // stride) - 1) * stride + window - size, 0) // 2
        for size, stride, window in zip(in_shape[:2], layer.strides, layer.kernel_size, strict=True)
    )
    return top, left


def _as_image(shape: Shape) -> tuple[int, int, int]:
    height, width, channels = (1,) * (3 - len(shape)) + tuple(shape)
    return height, width, channels


def _lower_term(topology: Topology, name: str, term: _Stored, exponent: int) -> TermProgram:
    scale_exponent = exact_exponent(term.scale)
    if scale_exponent is None or term.zero:
        raise ExportError(
            f"node {name!r} is added as it is, but its scale {term.scale:g} is no power of two, or its zero no code 0; "
            "the C export adds codes of activations. Put a layer into that branch."
        )
    shift = scale_exponent - exponent
    if shift < -_LARGEST_TERM_SHIFT:
        raise ExportError(f"node {name!r} is added to sums 2^{-shift} times as large; 32 bits cannot hold both.")
    return TermProgram(source=stored_node(topology, name), shift=shift, is_wide=term.is_wide)
