"""The arms of `tests.benchmarks.ablation`: a study with some of its choices fixed; pure functions of specifications."""

import glob
from collections.abc import Sequence
from typing import Any

from spaces.candidate import Candidate
from spaces.layer_specs import LayerRule
from spaces.study_spec import StudySpec

BITS, JR, IN_TURN, JOINT = "bits only", "JR only", "bits, then JR", "joint"
JOINT_ADVERSARIAL, ADVERSARIAL = "joint, adversarial", "adversarial only"
ARMS = (BITS, JR, IN_TURN, JOINT, JOINT_ADVERSARIAL, ADVERSARIAL)

_BITS, _JR = ("weight_bits", "activation_bits"), ("jr_weight",)
_SHARES = (0.5, 1.0)  # of the loss on adversarial examples, for a study that names none

Overrides = dict[str, Any]  # dotted key of a specification -> value


def overrides_of(arm: str, spec: StudySpec) -> Overrides:
    """Return what an arm fixes; `IN_TURN` begins as `BITS` and goes on with `on_chosen_bits`."""
    kinds = {
        BITS: without_jr(spec) | without_adversaries(),
        JR: at_widest_bits(spec) | without_adversaries(),
        IN_TURN: without_jr(spec) | without_adversaries(),
        JOINT: without_adversaries(),
        JOINT_ADVERSARIAL: with_adversaries(spec),
        # Rules choose bits and Jacobian weights, which are both fixed.
        ADVERSARIAL: at_widest_bits(spec) | without_jr(spec) | with_adversaries(spec) | {"layers.rules": []},
    }
    return kinds[arm]


def without_jr(spec: StudySpec) -> Overrides:
    """Return the study with Jacobian weights of 0 alone."""
    return {"layers.jr_weight": [0.0], "layers.rules": _rules(spec, leave_out=_JR)}


def at_widest_bits(spec: StudySpec) -> Overrides:
    """Return the study at its largest bit widths alone, those of its baselines."""
    return {
        "layers.weight_bits": [max(spec.layers.weight_bits)],
        "layers.activation_bits": [max(spec.layers.activation_bits)],
        "layers.rules": _rules(spec, leave_out=_BITS),
    }


def without_adversaries() -> Overrides:
    """Return the study without adversarial training of its candidates."""
    return {"training.adversarial_weight": [0.0], "training.adversarial_epsilon": None}


def with_adversaries(spec: StudySpec) -> Overrides:
    """Return the study with adversarial training: its own settings, or shares of one half and one at all its radii."""
    training = spec.training
    shares = [share for share in training.adversarial_weight if share > 0]
    return {
        "training.adversarial_weight": shares or list(_SHARES),
        "training.adversarial_epsilon": list(training.adversarial_epsilons or spec.robustness.epsilons),
    }


def on_chosen_bits(spec: StudySpec, candidate: Candidate) -> Overrides:
    """Return the search for Jacobian weights alone, at the bits and topology of a candidate."""
    fixed = [
        {
            "match": glob.escape(name),
            "weight_bits": [policy.weight_bits],
            **({} if policy.activation_bits is None else {"activation_bits": [policy.activation_bits]}),
        }
        for name, policy in candidate.policies.items()
    ]
    topology = {f"topology.{name}": [value] for name, value in candidate.topology.items()}
    return {"layers.rules": [*_rules(spec, leave_out=_BITS), *fixed], **topology, **without_adversaries()}


def _rules(spec: StudySpec, *, leave_out: Sequence[str]) -> list[dict[str, Any]]:
    """Return the study's rules as a file has them, without some fields; those that say nothing then are dropped."""
    shown = [(rule, _choices(rule, leave_out)) for rule in spec.layers.rules]
    return [{"match": rule.match, "tie": rule.tie, **choices} for rule, choices in shown if choices]


def _choices(rule: LayerRule, leave_out: Sequence[str]) -> dict[str, list[float]]:
    named = {name: getattr(rule, name) for name in (*_BITS, *_JR) if name not in leave_out}
    return {name: list(values) for name, values in named.items() if values is not None}
