"""What a float parent tells about its layers before any search, and the candidates that follow from it.

Two measurements without any training: how far the logits move when one parameter's bits are reduced, and how much the
logits depend on each layer's input, which is what a Jacobian weight multiplies.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.runtime import tf
from search.training.jacobian import jacobian_term, unit_vectors
from search.warm_starts import driven_layers, nearest_choice
from spaces.candidate import Candidate
from spaces.errors import SearchError
from spaces.search_space import ParamValue, SearchSpace

Inputs = NDArray[np.float32]
Labels = NDArray[np.int64]
Params = dict[str, ParamValue]

_DIRECTIONS = 16  # random directions per example; the mean of a term over 256 examples is then good to a few percent
_TINY = 1e-30  # keeps the logarithm of a term that is zero finite
_BUDGETS = (0.25, 0.5, 0.75)  # between the narrowest and the widest candidate


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


def measure_sensitivity(
    network: Network,
    classifier: NetworkClassifier,
    space: SearchSpace,
    *,
    base: Mapping[str, ParamValue],
    integer_bits: Mapping[str, Mapping[int, int]],
    x: Inputs,
    y: Labels,
) -> Sensitivity:
    """Measure a float parent; the network's policies are changed and left at their widest.

    Takes one pass over the examples for every choice of every parameter.

    Args:
        network: the parent's weights, of the topology that `base` chooses.
        classifier: the quantized view of the network.
        space: which parameters and choices there are.
        base: params that name the topology; bits and Jacobian weights are replaced.
        integer_bits: activation node -> activation bits -> integer bits, from calibration.
        x, y: calibration examples, from the training split.  # [n, *input_shape], [n]

    Raises:
        SearchError: the parent's logits are all equal or not finite.
    """
    layers = driven_layers(space)
    widest = _widest(space, base)

    def logits(params: Mapping[str, ParamValue]) -> NDArray[np.float64]:
        network.load_policies(space.decode(params), integer_bits)
        classifier.refresh()
        return classifier.logits(x).astype(np.float64)

    reference = logits(widest)
    variance = float(reference.var())
    if not (math.isfinite(variance) and variance > 0):
        raise SearchError(
            f"the float parent's logits must be finite and not all equal; their variance is {variance} on {len(x)} "
            "calibration examples. Train the parent longer or with a lower learning rate."
        )
    bits: dict[str, Mapping[int, BitEffect]] = {}
    for parameter in space.parameters:
        if parameter.name in layers and _field(parameter.name) != "jr_weight":
            effects = {}
            for choice in parameter.choices:
                found = logits({**widest, parameter.name: choice})
                effects[int(choice)] = BitEffect(
                    loss=_cross_entropy(found, y),
                    accuracy=float((found.argmax(axis=1) == y).mean()),
                    logit_error=float(((found - reference) ** 2).mean()) / variance,
                )
            bits[parameter.name] = MappingProxyType(effects)
    network.load_policies(space.decode(widest), integer_bits)
    classifier.refresh()
    terms = layer_terms(network, x)
    return Sensitivity(
        bits=MappingProxyType(bits),
        jacobian_terms=MappingProxyType(
            {
                name: math.exp(float(np.mean([math.log(max(terms[layer], _TINY)) for layer in driven])))
                for name, driven in layers.items()
                if _field(name) == "jr_weight"
            }
        ),
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


def prior_params(
    space: SearchSpace,
    sensitivity: Sensitivity,
    *,
    base: Mapping[str, ParamValue],
    cost: Callable[[Candidate], float],
    most: float = math.inf,
) -> list[Params]:
    """Return up to eight distinct sets of parameters that a search should try first.

    Bits: from the widest downwards, always the step that adds the least logit error for what it saves, until each of
    three budgets between the narrowest and the widest candidate is kept. Bits that cost nothing stay at their widest.
    Jacobian weights: inversely proportional to each layer's term, so that all terms are of the same order, at up to
    three strengths: such that the geometric mean of the weights is the middle, the least or the largest of the positive
    choices; then the nearest choice by ratio. First every budget without Jacobian terms, then every budget at the
    middle strength, then the middle budget at the others.

    Args:
        space: names the parameters, their choices and ties.
        sensitivity: of the parent of the topology that `base` chooses.
        base: params that name topology and training settings; bits and Jacobian weights are replaced.
        cost: what a candidate costs, by arithmetic: its bytes, or bit-operations.
        most: no candidate may cost more, such as the bound of a constraint.

    Raises:
        SearchError: even the narrowest candidate costs more.
    """
    allocations = _allocations(space, sensitivity, base=base, cost=cost, most=most)
    plain, *strengths = _jacobian_settings(space, sensitivity)
    middle_budget = allocations[len(allocations) // 2]
    pairs = [(bits, jacobian) for jacobian in (plain, *strengths[:1]) for bits in allocations]
    pairs += [(middle_budget, jacobian) for jacobian in strengths[1:]]
    found: dict[str, Params] = {}
    for bits, jacobian in pairs:
        params = {**base, **bits, **jacobian}
        found.setdefault(space.decode(params).fingerprint, params)
    return list(found.values())


def _allocations(
    space: SearchSpace,
    sensitivity: Sensitivity,
    *,
    base: Mapping[str, ParamValue],
    cost: Callable[[Candidate], float],
    most: float,
) -> list[Params]:
    """Return the bits for every budget, the largest first."""

    def cost_of(bits: Mapping[str, ParamValue]) -> float:
        return cost(space.decode({**base, **bits}))

    widest = {name: max(effects) for name, effects in sensitivity.bits.items()}
    least = cost_of({name: min(effects) for name, effects in sensitivity.bits.items()})
    if least > most:
        raise SearchError(
            f"the narrowest bits cost {least:g}, more than the {most:g} allowed; offer narrower bits or a smaller "
            "topology."
        )
    largest = min(cost_of(widest), most)
    bits: Params = dict(widest)
    found = []
    for share in sorted(_BUDGETS, reverse=True):
        budget = least + share * (largest - least)
        while cost_of(bits) > budget:
            bits |= _cheapest_step(bits, sensitivity, cost_of)
        found.append(dict(bits))
    return found


def _cheapest_step(
    bits: Mapping[str, ParamValue], sensitivity: Sensitivity, cost_of: Callable[[Mapping[str, ParamValue]], float]
) -> Params:
    """Return the parameter to narrow, and to which width: the least added logit error for each unit of cost saved."""
    present = cost_of(bits)
    steps: list[tuple[bool, float, str, int]] = []
    for name, effects in sensitivity.bits.items():
        for choice, effect in effects.items():
            if choice < bits[name]:
                saved = present - cost_of({**bits, name: choice})
                added = effect.logit_error - effects[int(bits[name])].logit_error
                # A step may save nothing by itself, where the cost is a largest value; it comes after those that do.
                steps.append((saved <= 0, added / saved if saved > 0 else added, name, -choice))
    *_, name, negative = min(steps)  # of equal steps the shortest
    return {name: -negative}


def _jacobian_settings(space: SearchSpace, sensitivity: Sensitivity) -> list[Params]:
    """Return the Jacobian weights of no strength, of the middle one, of the least and of the largest."""
    choices = {
        parameter.name: parameter.choices
        for parameter in space.parameters
        if parameter.name in sensitivity.jacobian_terms
    }
    none: Params = dict.fromkeys(choices, 0.0)
    positive = sorted({value for offered in choices.values() for value in offered if value > 0})
    if not positive:
        return [none]
    logs = {name: math.log(term) for name, term in sensitivity.jacobian_terms.items()}
    mean = math.fsum(logs.values()) / len(logs)
    settings = [none]
    for strength in dict.fromkeys((positive[len(positive) // 2], positive[0], positive[-1])):
        wanted = {name: strength * math.exp(mean - log) for name, log in logs.items()}
        settings.append({name: nearest_choice([wanted[name]], offered) for name, offered in choices.items()})
    return settings


def _widest(space: SearchSpace, base: Mapping[str, ParamValue]) -> Params:
    bits = {
        parameter.name: max(parameter.choices)
        for parameter in space.parameters
        if _field(parameter.name) in ("weight_bits", "activation_bits")
    }
    return {**base, **bits}


def _field(parameter: str) -> str:
    return parameter.rsplit(".", 1)[-1]


def _cross_entropy(logits: NDArray[np.float64], y: Labels) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(len(y)), y]).mean())
