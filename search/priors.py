"""Candidates that a search should try first, from what its float parent tells about its layers.

Pure functions of a measured sensitivity; nothing is trained or run here.
"""

import math
from collections.abc import Callable, Mapping

from search.sensitivity import Sensitivity
from search.warm_starts import nearest_choice
from spaces.candidate import Candidate
from spaces.search_space import ParamValue, SearchSpace

Params = dict[str, ParamValue]

# Of the way from the narrowest to the widest candidate. With 2 to 8 bits on offer that is a mean of 2.75, 3.5 and 5
# bits: above that, training makes good what quantization costs, so nothing is won by spending more.
_SMALL, _MIDDLE, _LARGE = 0.125, 0.25, 0.5

# Which budget with which strength of the Jacobian terms (0 none, 1 middle, 2 least, 3 largest), the likely best first.
_ORDER = (
    (_SMALL, 1),
    (_MIDDLE, 1),
    (_MIDDLE, 3),
    (_SMALL, 0),
    (_LARGE, 1),
    (_MIDDLE, 0),
    (_LARGE, 0),
    (_MIDDLE, 2),
)


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
    choices; then the nearest choice by ratio. Every budget comes without Jacobian terms and at the middle strength, the
    middle budget at the others too.

    Args:
        space: names the parameters, their choices and ties.
        sensitivity: of the parent of the topology that `base` chooses.
        base: params that name topology and training settings; bits and Jacobian weights are replaced.
        cost: what a candidate costs, by arithmetic: its bytes, or bit-operations.
        most: no candidate may cost more, such as the bound of a constraint.

    Returns:
        The sets, the most promising first; none where even the narrowest candidate costs more than `most`.
    """
    allocations = _allocations(space, sensitivity, base=base, cost=cost, most=most)
    if not allocations:
        return []
    strengths = _jacobian_settings(space, sensitivity)
    pairs = [(allocations[share], strengths[index]) for share, index in _ORDER if index < len(strengths)]
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
) -> dict[float, Params]:
    """Return the bits for every budget; nothing where no bits cost so little."""

    def cost_of(bits: Mapping[str, ParamValue]) -> float:
        return cost(space.decode({**base, **bits}))

    widest = {name: max(effects) for name, effects in sensitivity.bits.items()}
    least = cost_of({name: min(effects) for name, effects in sensitivity.bits.items()})
    if least > most:
        return {}
    largest = min(cost_of(widest), most)
    bits: Params = dict(widest)
    found = {}
    for share in (_LARGE, _MIDDLE, _SMALL):
        budget = least + share * (largest - least)
        while cost_of(bits) > budget:
            bits |= _cheapest_step(bits, sensitivity, cost_of)
        found[share] = dict(bits)
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
