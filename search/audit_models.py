"""The networks of an audit, from a stored model: the audited one, its float twin, and a sibling at other bits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from search.attacks.audit_plan import Surrogates
from search.attacks.base import Classifier, Inputs
from search.metrics.saturation import saturated_fractions
from search.models.classifier import NetworkClassifier
from search.models.network import Network
from search.models.trained_model import TrainedModel
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy

_WIDE, _NARROW = 8, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditModels:
    """What is audited, and what stands in for it where adversarial examples are transferred.

    Attributes:
        target: the deployed model, or a reference model.
        surrogates: networks like it.
        saturation: returns for clean inputs [n, ...] activation -> fraction of its values at or above the clip.
    """

    target: Classifier
    surrogates: Surrogates
    saturation: Callable[[Inputs], dict[str, float]]


def load_models(model: TrainedModel, *, input_range: tuple[float, float]) -> AuditModels:
    """Return the classifiers; each is traced at its first call."""
    network = network_of(model, model.candidate)
    sibling = network_of(model, sibling_candidate(model.candidate))
    return AuditModels(
        target=classifier_of(network, input_range, quantized=True),
        surrogates=Surrogates(
            float_twin=classifier_of(network, input_range, quantized=False),
            sibling=classifier_of(sibling, input_range, quantized=True),
        ),
        saturation=partial(saturated_fractions, network),
    )


def sibling_candidate(candidate: Candidate) -> Candidate:
    """Return the candidate with 8 bits everywhere, or where that is itself, with 4."""
    wide = _at_bits(candidate, _WIDE)
    return wide if wide.policies != candidate.policies else _at_bits(candidate, _NARROW)


def _at_bits(candidate: Candidate, bits: int) -> Candidate:
    def policy_at(policy: LayerPolicy) -> LayerPolicy:
        activation_bits = None if policy.activation_bits is None else bits
        return replace(policy, weight_bits=bits, activation_bits=activation_bits)

    return replace(candidate, policies={name: policy_at(policy) for name, policy in candidate.policies.items()})


def network_of(model: TrainedModel, candidate: Candidate) -> Network:
    """Return the network of a stored model, at a candidate's bits."""
    network = Network(model.topology)
    network.load_weights(model.weights)
    network.load_policies(candidate, model.integer_bits)
    return network


def classifier_of(network: Network, input_range: tuple[float, float], *, quantized: bool) -> NetworkClassifier:
    """Return a network as attacks see it, quantized or as its float twin."""
    classifier = NetworkClassifier(network, input_range=input_range, quantized=quantized)
    classifier.refresh()
    return classifier
