"""Small valid values that tests change in one place."""

from typing import Any

from spaces.candidate import Candidate
from spaces.layer_policy import LayerKind, LayerPolicy
from spaces.measurement import Measurement
from spaces.search_space import LayerSlot
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec


def spec_content(**sections: Any) -> dict[str, Any]:
    """Return the plain values of a small valid study; keyword arguments replace whole top-level keys."""
    content: dict[str, Any] = {
        "name": "small",
        "data": {"name": "digits", "validation_examples": 100, "attack_examples": 50},
        "topology": {"name": "digits_cnn", "width": [0.5, 1.0]},
        "layers": {"weight_bits": [2, 4, 8], "activation_bits": [3, 8], "jr_weight": [0.0, 0.01, 0.1]},
        "robustness": {"epsilons": [0.1, 0.2]},
        "objectives": [
            {"name": "clean_accuracy", "reference": 0.1},
            {"name": "size_bytes", "reference": 1000},
        ],
    }
    return {**content, **sections}


def make_spec(**sections: Any) -> StudySpec:
    return parse_spec(spec_content(**sections), source="small.toml")


def make_slots() -> list[LayerSlot]:
    """Return two convolutions, a shortcut without activation or term of its own, and the logits."""
    return [
        LayerSlot(name="conv1", has_activation=True, has_jacobian_term=True, kind=LayerKind.CONV2D),
        LayerSlot(name="conv2", has_activation=True, has_jacobian_term=True, kind=LayerKind.CONV2D),
        LayerSlot(name="shortcut", has_activation=False, has_jacobian_term=False, kind=LayerKind.CONV2D),
        LayerSlot(name="logits", has_activation=False, has_jacobian_term=True, kind=LayerKind.DENSE),
    ]


def make_candidate(**changes: Any) -> Candidate:
    fields: dict[str, Any] = {
        "policies": {
            "conv1": LayerPolicy(weight_bits=4, activation_bits=8, jr_weight=0.01),
            "logits": LayerPolicy(weight_bits=8, activation_bits=None),
        },
        "topology": {"width": 0.5},
        "training": {"learning_rate": 0.001},
    }
    return Candidate(**{**fields, **changes})


def make_measurement(**changes: Any) -> Measurement:
    fields: dict[str, Any] = {
        "clean_accuracy": 0.9,
        "robust_accuracy": 0.5,
        "epsilons": (0.1, 0.2),
        "worst_case": (0.6, 0.4),
        "attack_accuracy": {"pgd": (0.6, 0.4)},
        "subset_clean_accuracy": 0.88,
        "size_bytes": 5000,
        "macs": 100,
        "bops": 3200,
        "ram_bytes": 512,
        "epochs": 3,
        "seed": 7,
    }
    return Measurement(**{**fields, **changes})
