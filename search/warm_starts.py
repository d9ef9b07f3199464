"""What a study can take over: the weights of a trained trial that is alike, and the trials of another study.

Pure functions of candidates; nothing is read or trained here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from spaces.search_space import ParamValue, SearchSpace

_ZERO = 0.1  # what a zero counts as among positive values: this part of the least of them, one decade below


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """The nearest trained trial.

    Attributes:
        number: the trial's.
        distance: the sum over all layers of the bit widths' and Jacobian weights' distances: one for each halving of a
            width and for each decade of a weight; 0 where both are the same.
    """

    number: int
    distance: float


def nearest_candidate(candidate: Candidate, trained: Mapping[int, Candidate]) -> Neighbour | None:
    """Return the trained trial of the same topology whose bits and Jacobian weights are nearest, or None.

    Widths are compared by their ratio, since from 4 bits to 2 much more is lost than from 8 to 6. Of equally near
    trials the oldest is taken.

    Args:
        candidate: the one that is to start from inherited weights.
        trained: trial number -> candidate, for every trial whose weights are kept.
    """
    alike = {
        number: other
        for number, other in trained.items()
        if other.topology == candidate.topology and other.policies.keys() == candidate.policies.keys()
    }
    everyone = [candidate, *alike.values()]
    zero = _zero_weight(policy.jr_weight for other in everyone for policy in other.policies.values())
    distances = {
        number: math.fsum(
            _policy_distance(policy, other.policies[name], zero) for name, policy in candidate.policies.items()
        )
        for number, other in alike.items()
    }
    if not distances:
        return None
    number = min(distances, key=lambda number: (distances[number], number))
    return Neighbour(number=number, distance=distances[number])


def _policy_distance(first: LayerPolicy, second: LayerPolicy, zero: float) -> float:
    # Layers of one topology have activation bits in both policies or in neither.
    return (
        abs(math.log2(first.weight_bits / second.weight_bits))
        + abs(math.log2((first.activation_bits or 1) / (second.activation_bits or 1)))
        + abs(math.log10((first.jr_weight or zero) / (second.jr_weight or zero)))
    )


def _zero_weight(weights: Iterable[float]) -> float:
    return _ZERO * min((weight for weight in weights if weight > 0), default=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferredTrial:
    """Another study's trial in this study's space.

    Attributes:
        number: its number in the other study.
        params: one value for every parameter of the space.
        is_exact: whether the candidate is the same; else some of its values were moved to the nearest offered ones.
    """

    number: int
    params: Mapping[str, ParamValue]
    is_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What another study has for this one.

    Attributes:
        trials: those that fit, in the order that was given, each set of parameters once.
        n_moved: how many of them had a value that this space does not offer.
        repeated: trials that became the same parameters as one before them.
        dropped: trials of another topology: other layers, or a size that this space does not offer.
    """

    trials: tuple[TransferredTrial, ...]
    n_moved: int
    repeated: tuple[int, ...]
    dropped: tuple[int, ...]


def transfer(candidates: Mapping[int, Candidate], space: SearchSpace) -> Transfer:
    """Express another study's trials in this study's parameters.

    A layer's bits and Jacobian weight and the training settings take the nearest value that is offered; layers that
    share a parameter take the value nearest to all of theirs. Topology choices must be offered as they are, because
    another width is another network.

    Args:
        candidates: trial number in the other study -> what it trained, the most promising first.
        space: this study's.
    """
    layers = driven_layers(space)
    names = space.decode(_first_params(space)).policies
    trials: list[TransferredTrial] = []
    seen: set[str] = set()
    dropped: list[int] = []
    repeated: list[int] = []
    for number, candidate in candidates.items():
        params = _params_of(candidate, space, layers) if candidate.policies.keys() == names.keys() else None
        if params is None:
            dropped.append(number)
            continue
        decoded = space.decode(params)
        if decoded.fingerprint in seen:
            repeated.append(number)
            continue
        seen.add(decoded.fingerprint)
        is_exact = decoded.fingerprint == candidate.fingerprint
        trials.append(TransferredTrial(number=number, params=MappingProxyType(params), is_exact=is_exact))
    n_moved = sum(not trial.is_exact for trial in trials)
    return Transfer(trials=tuple(trials), n_moved=n_moved, repeated=tuple(repeated), dropped=tuple(dropped))


def driven_layers(space: SearchSpace) -> dict[str, tuple[str, ...]]:
    """Return parameter -> the layers whose policies it decides; for the parameters of layers that have a choice.

    A tied parameter is named after a pattern that a later rule may have narrowed, so the name alone does not tell: the
    layers are those whose policy differs between two of the parameter's values.
    """
    base = _first_params(space)
    plain = space.decode(base).policies
    driven = {}
    for parameter in space.parameters:
        if len(parameter.choices) > 1 and not _is_setting(parameter.name):
            other = space.decode({**base, parameter.name: parameter.choices[1]}).policies
            driven[parameter.name] = tuple(name for name, policy in other.items() if policy != plain[name])
    return driven


def _first_params(space: SearchSpace) -> dict[str, ParamValue]:
    return {parameter.name: parameter.choices[0] for parameter in space.parameters}


def _is_setting(parameter: str) -> bool:
    return parameter.startswith(("topology.", "training."))


def _params_of(
    candidate: Candidate, space: SearchSpace, layers: Mapping[str, tuple[str, ...]]
) -> dict[str, ParamValue] | None:
    """Return the nearest parameters, or None where the candidate is of another topology."""
    params = _first_params(space)
    for parameter in space.parameters:
        section, field = parameter.name.rsplit(".", 1)
        if section == "topology":
            if candidate.topology.get(field) not in parameter.choices:
                return None
            params[parameter.name] = candidate.topology[field]
        elif section == "training":
            # A setting that the other study's version did not know keeps the first choice.
            if field in candidate.training:
                params[parameter.name] = nearest_choice([candidate.training[field]], parameter.choices)
        elif parameter.name in layers:
            values = [getattr(candidate.policies[layer], field) for layer in layers[parameter.name]]
            if None in values:
                return None
            params[parameter.name] = nearest_choice(values, parameter.choices)
    return params


def nearest_choice(values: Sequence[ParamValue], choices: tuple[ParamValue, ...]) -> ParamValue:
    """Return the choice with the least sum of logarithmic distances to the values; of equally near ones the largest.

    A zero counts as a tenth of the least positive value or choice.
    """
    zero = _zero_weight([*values, *choices])
    return min(
        choices,
        key=lambda choice: (math.fsum(abs(math.log((choice or zero) / (value or zero))) for value in values), -choice),
    )
