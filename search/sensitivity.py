"""What a float parent tells about its layers before any search; `search.priors` makes candidates of it.

Two measurements without any training: how far the logits move when one parameter's bits are reduced, and how much the
logits depend on each layer's input, which is what a Jacobian weight multiplies.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.metrics.cross_entropy import cross_entropy
from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.parents import Parent
from search.runtime import tf
from search.training.jacobian import jacobian_term, unit_vectors
from search.training.norm_statistics import NormStatistics
from search.warm_starts import driven_layers
from spaces.errors import SearchError
from spaces.search_space import ParamValue, SearchSpace
from spaces.work_steps import OnSteps, WorkSteps, unwatched

Inputs = NDArray[np.float32]
Labels = NDArray[np.int64]
Params = dict[str, ParamValue]

_DIRECTIONS = 16  # random directions per example; the mean of a term over 256 examples is then good to a few percent
_TINY = 1e-30  # keeps the logarithm of a term that is zero finite


@dataclass(frozen=True, slots=True, kw_only=True)
class BitEffect:
    """What one parameter's bits do, all others at their widest; against all at their widest.

    Attributes:
        loss: mean cross-entropy.
        accuracy: fraction classified right.
        logit_error: mean squared change of the logits, as a part of their variance; 0 for the widest choice.
    """

    loss: float
    accuracy: float
    logit_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How a float parent depends on its bits and on its layers' inputs.

    Attributes:
        bits: parameter of bits with a choice -> each choice -> its effect.
        jacobian_terms: parameter of a Jacobian weight with a choice -> the term that a weight of 1 would give,
            1/2 s_l^2 E ||dz/da_l||_F^2; of layers that share the parameter, the geometric mean.
    """

    bits: Mapping[str, Mapping[int, BitEffect]]
    jacobian_terms: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_json` makes an equal sensitivity."""
        return {
            "bits": {
                name: {str(choice): asdict(effect) for choice, effect in effects.items()}
                for name, effects in self.bits.items()
            },
            "jacobian_terms": dict(self.jacobian_terms),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Sensitivity":
        """Rebuild a sensitivity from `to_json`."""
        bits = {
            name: MappingProxyType({int(choice): BitEffect(**effect) for choice, effect in effects.items()})
            for name, effects in value["bits"].items()
        }
        return cls(bits=MappingProxyType(bits), jacobian_terms=MappingProxyType(dict(value["jacobian_terms"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedParent:
    """A float parent, and how it depends on its bits and on its layers' inputs."""

    parent: Parent
    sensitivity: Sensitivity


def measure_sensitivity(
    network: Network,
    classifier: NetworkClassifier,
    norms: NormStatistics,
    space: SearchSpace,
    *,
    base: Mapping[str, ParamValue],
    integer_bits: Mapping[str, Mapping[int, int]],
    x: Inputs,
    y: Labels,
    on_steps: OnSteps = unwatched,
) -> Sensitivity:
    """Measure a float parent; the network's policies and normalization statistics are changed and left so.

    Takes two passes over the examples for every choice of every parameter: the first one renews the statistics, since
    what they alone would spoil a training makes good at once.

    Args:
        network: the parent's weights, of the topology that `base` chooses.
        classifier: the quantized view of the network.
        norms: renew the network's statistics.
        space: which parameters and choices there are.
        base: params that name the topology; bits and Jacobian weights are replaced.
        integer_bits: activation node -> activation bits -> integer bits, from calibration.
        x, y: calibration examples, from the training split.  # [n, *input_shape], [n]
        on_steps: told of every width that is measured.

    Raises:
        SearchError: the parent's logits are all equal or not finite.
    """
    layers = driven_layers(space)
    widest = _widest(space, base)
    terms = layer_terms(network, x)

    def logits(params: Mapping[str, ParamValue]) -> NDArray[np.float64]:
        network.load_policies(space.decode(params), integer_bits)
        norms.renew(x)
        classifier.refresh()
        return classifier.logits(x).astype(np.float64)

    reference = logits(widest)
    _check_varied(reference)
    measured = [item for item in space.parameters if item.name in layers and _field(item.name) != "jr_weight"]
    steps = WorkSteps(what="float parent", noun="widths", total=sum(len(item.choices) for item in measured))
    bits: dict[str, dict[int, BitEffect]] = {item.name: {} for item in measured}
    for number, (name, choice) in enumerate((item.name, choice) for item in measured for choice in item.choices):
        on_steps(replace(steps, done=number))
        bits[name][int(choice)] = _bit_effect(logits({**widest, name: choice}), reference, y)
    return Sensitivity(
        bits=MappingProxyType({name: MappingProxyType(effects) for name, effects in bits.items()}),
        jacobian_terms=MappingProxyType(
            {
                name: math.exp(float(np.mean([math.log(max(terms[layer], _TINY)) for layer in driven])))
                for name, driven in layers.items()
                if _field(name) == "jr_weight"
            }
        ),
    )


def _check_varied(logits: NDArray[np.float64]) -> None:
    variance = float(logits.var())
    if not (math.isfinite(variance) and variance > 0):
        raise SearchError(
            f"the float parent's logits must be finite and not all equal; their variance is {variance} on "
            f"{len(logits)} calibration examples. Train the parent longer or with a lower learning rate."
        )


def _bit_effect(found: NDArray[np.float64], reference: NDArray[np.float64], y: Labels) -> BitEffect:
    return BitEffect(
        loss=cross_entropy(found, y),
        accuracy=float((found.argmax(axis=1) == y).mean()),
        logit_error=float(((found - reference) ** 2).mean() / reference.var()),
    )


def layer_terms(network: Network, x: Inputs) -> dict[str, float]:
    """Return layer -> 1/2 s_l^2 E ||dz/da_l||_F^2 of the float network, for every layer that owns a Jacobian term.

    The regularizer is linear in its weights, so its gradient with respect to them is every layer's term at once.

    Args:
        network: the float parent's weights.
        x: inputs.  # [n, *input_shape]
    """
    weights = {layer: tf.constant(1.0) for layer in network.topology.tap_owner.values()}

    def term_of_each(inputs: Any, seed: Any) -> Any:
        forward = network.forward(inputs, kernels=network.float_kernels(), mode=Mode.DEPLOYED, quantized=False)
        directions = unit_vectors(seed, n_examples=len(x), n_classes=network.topology.n_classes)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            term = jacobian_term(network, forward, weights=weights, directions=directions, quantized=False)
        return tape.gradient(term, weights)

    draw = tf.function(term_of_each, autograph=False)
    draws = [draw(tf.constant(x), tf.constant([0, number])) for number in range(_DIRECTIONS)]
    return {layer: float(np.mean([terms[layer] for terms in draws])) for layer in weights}


def _widest(space: SearchSpace, base: Mapping[str, ParamValue]) -> Params:
    bits = {
        parameter.name: max(parameter.choices)
        for parameter in space.parameters
        if _field(parameter.name) in ("weight_bits", "activation_bits")
    }
    return {**base, **bits}


def _field(parameter: str) -> str:
    return parameter.rsplit(".", 1)[-1]
