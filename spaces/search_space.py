"""The decision space: which parameter has which choices, and how parameter values become a candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias

from spaces.candidate import Candidate
from spaces.errors import SpecError
from spaces.layer_policy import LayerKind, LayerPolicy
from spaces.layer_specs import LayerRule
from spaces.study_spec import StudySpec

ParamValue: TypeAlias = int | float

BASELINE_NUMBERS = (0, 1)  # of the trials that every study starts with and its front must beat


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSlot:
    """A quantizable layer as the search space sees it.

    Attributes:
        name: unique in the topology.
        has_activation: whether a quantized activation of its own follows; False for the logits layer and for a
            shortcut that ends in an addition.
        has_jacobian_term: whether the layer owns the Jacobian term of the activation that enters it; False where an
            earlier layer reads the same activation.
        kind: what a device has to be able to run.
    """

    name: str
    has_activation: bool
    has_jacobian_term: bool
    kind: LayerKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One decision: `choices` are distinct and in the order that the specification gives."""

    name: str
    choices: tuple[ParamValue, ...]


@dataclass(frozen=True, slots=True)
class _Knob:
    """Where a parameter's value goes: a layer and the field of its policy."""

    layer: str
    field: str
    parameter: str


class SearchSpace:
    """Parameters of a study, made from its specification and the layers of its topology."""

    def __init__(self, spec: StudySpec, slots: Sequence[LayerSlot]) -> None:
        """Resolve patterns and ties.

        Args:
            spec: the study's specification.
            slots: the quantizable layers in the order of the topology.

        Raises:
            SpecError: a rule matches no layer, or chooses something that no matched layer has, or the target leaves a
                layer no choice.
        """
        self._spec = spec
        self._slots = {slot.name: slot for slot in slots}
        for index, rule in enumerate(spec.layers.rules):
            self._check_rule(index, rule)
        self._knobs: list[_Knob] = []
        choices: dict[str, tuple[ParamValue, ...]] = {}
        for slot in slots:
            for field in _fields(slot):
                knob, values = self._resolve(slot.name, field)
                self._knobs.append(knob)
                # A tied parameter serves several layers; the target may take less in one kind than in another.
                choices[knob.parameter] = self._legal(slot, field, choices.get(knob.parameter, values))
        for name, values in spec.topology.choices().items():
            choices[f"topology.{name}"] = values
        for name, values in spec.training.choices().items():
            choices[f"training.{name}"] = values
        self.parameters = tuple(Parameter(name=name, choices=values) for name, values in choices.items())

    def decode(self, params: Mapping[str, ParamValue]) -> Candidate:
        """Turn one value per parameter into a candidate.

        Raises:
            SpecError: a parameter is missing or its value is not among its choices.
        """
        for parameter in self.parameters:
            if params.get(parameter.name) not in parameter.choices:
                raise SpecError(
                    f"parameter {parameter.name!r} must be one of {list(parameter.choices)}; "
                    f"got {params.get(parameter.name)!r}."
                )
        fields: dict[str, dict[str, ParamValue]] = {name: {} for name in self._slots}
        for knob in self._knobs:
            fields[knob.layer][knob.field] = params[knob.parameter]
        policies = {
            name: LayerPolicy(
                weight_bits=int(chosen["weight_bits"]),
                activation_bits=int(chosen["activation_bits"]) if "activation_bits" in chosen else None,
                jr_weight=float(chosen.get("jr_weight", 0.0)),
                two_bit_quantizer=self._spec.layers.two_bit_quantizer,
            )
            for name, chosen in fields.items()
        }
        return Candidate(
            policies=policies,
            topology={name: params[f"topology.{name}"] for name in self._spec.topology.choices()},
            training={name: params[f"training.{name}"] for name in self._spec.training.choices()},
        )

    def baselines(self) -> tuple[dict[str, ParamValue], dict[str, ParamValue]]:
        """Return the params of trial 0 and trial 1: widest bits without Jacobian terms, and the same with them.

        Bits and topology choices are the largest on offer, Jacobian weights 0, which every specification offers
        (trial 0), and the median of the positive ones, if any (trial 1), other settings the first that the
        specification names.
        """
        plain: dict[str, ParamValue] = {}
        regularized: dict[str, ParamValue] = {}
        for parameter in self.parameters:
            if parameter.name.endswith(".jr_weight"):
                positive = sorted(value for value in parameter.choices if value > 0)
                plain[parameter.name] = 0.0
                regularized[parameter.name] = positive[len(positive) // 2] if positive else 0.0
                continue
            is_size = parameter.name.endswith("_bits") or parameter.name.startswith("topology.")
            value = max(parameter.choices) if is_size else parameter.choices[0]
            plain[parameter.name] = regularized[parameter.name] = value
        return plain, regularized

    def _check_rule(self, index: int, rule: LayerRule) -> None:
        where = f"layers.rules[{index}].match = {rule.match!r}"
        matched = [slot for slot in self._slots.values() if fnmatchcase(slot.name, rule.match)]
        if not matched:
            raise SpecError(f"{where} names no layer of the topology; its layers are {', '.join(self._slots)}.")
        if rule.activation_bits is not None and not any(slot.has_activation for slot in matched):
            raise SpecError(f"{where} sets activation_bits, but no quantized activation follows that layer.")
        if rule.jr_weight is not None and not any(slot.has_jacobian_term for slot in matched):
            owners = ", ".join(slot.name for slot in self._slots.values() if slot.has_jacobian_term)
            raise SpecError(
                f"{where} sets jr_weight, but an earlier layer reads the same activation and owns its Jacobian term; "
                f"layers with a term of their own: {owners}."
            )

    def _resolve(self, layer: str, field: str) -> tuple[_Knob, tuple[ParamValue, ...]]:
        """Return the parameter that decides a field of a layer; the last matching rule that names the field wins."""
        values: tuple[ParamValue, ...] = getattr(self._spec.layers, field)
        parameter = f"{layer}.{field}"
        for rule in self._spec.layers.rules:
            chosen: tuple[ParamValue, ...] | None = getattr(rule, field)
            if chosen is not None and fnmatchcase(layer, rule.match):
                values = chosen
                parameter = f"{rule.match}.{field}" if rule.tie else f"{layer}.{field}"
        return _Knob(layer, field, parameter), values

    def _legal(self, slot: LayerSlot, field: str, values: tuple[ParamValue, ...]) -> tuple[ParamValue, ...]:
        """Return the values that the study's target takes in a layer; all of them where it names no target."""
        target = self._spec.target
        if target is None:
            return values
        limits = target.limits(slot.name, slot.kind)
        if field == "jr_weight":  # nothing of it reaches the device
            return values
        legal = limits.legal(field)
        left = tuple(value for value in values if value in legal)
        if not left:
            raise SpecError(
                f"layer {slot.name!r} has no {field} left: the study chooses from {list(values)}, of a "
                f"{slot.kind.value} layer target {target.name!r} takes {list(legal)}. "
                f"Change layers.{field} or a rule for the layer, or name another target."
            )
        return left


def _fields(slot: LayerSlot) -> list[str]:
    fields = ["weight_bits"]
    if slot.has_activation:
        fields.append("activation_bits")
    if slot.has_jacobian_term:
        fields.append("jr_weight")
    return fields
