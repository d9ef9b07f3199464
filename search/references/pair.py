"""What families have in common: a float network, and the int8 file that was made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from search.attacks.audit_plan import Surrogates
from search.attacks.base import Classifier, Inputs
from search.audit_models import AuditModels, classifier_of
from search.data.dataset import Dataset
from search.data.splits import stratified_indices
from search.models.calibration import calibrate_integer_bits
from search.models.network import Mode, Network
from search.references.base import LoadedReference, ReferenceFile
from search.references.litert import LitertClassifier, without_softmax
from search.references.raw_inputs import RawClassifier, RawUnits
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from storage.reference_models import ReferenceModel

FLOAT_SUFFIX = "-float"  # ends the name of a family's float model
_FLOAT_BYTES = 4  # of a parameter
_SIBLING_BITS = 8
_CALIBRATION_EXAMPLES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatNetwork:
    """A family's float network as the service's own.

    Attributes:
        network: makes it, with its weights.
        n_parameters: of the published model, every output included.
        units: of its inputs, where they are not the study's.
        digests: file name -> SHA-256 of what it is read from.
        source: what is stored of where it comes from.
    """

    network: Callable[[], Network]
    n_parameters: int
    units: RawUnits | None = None
    digests: Mapping[str, str]
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8File:
    """A family's int8 `.tflite` file.

    Attributes:
        content: the file, as a device gets it.
        ends_in_softmax: which is cut off, because attacks need logits.
        units: of its inputs before quantization.
        classes: which of its outputs are kept, in the study's order; None for all as they are.
        digests: file name -> SHA-256 of it and of what its gradients come from.
        source: what is stored of where it comes from.
    """

    content: bytes
    ends_in_softmax: bool
    units: RawUnits
    classes: tuple[int, ...] | None = None
    digests: Mapping[str, str]
    source: Mapping[str, Any]


def pair_of_models(
    name: str, title: str, *, dataset: Dataset, of_floats: FloatNetwork, int8: Int8File
) -> tuple[LoadedReference, LoadedReference]:
    """Return the int8 and the float model of a family, ready to be audited.

    Args:
        name: of the family, which its int8 model bears.
        title: how pages call the network; "int8" or "float" is added.
        dataset: of the study.
        of_floats, int8: the two models.
    """

    @cache
    def surrogates() -> Surrogates:
        return surrogates_of(of_floats.network(), dataset, of_floats.units)

    def file() -> LitertClassifier:
        content = without_softmax(int8.content) if int8.ends_in_softmax else int8.content
        twin = surrogates().float_twin
        return LitertClassifier(content, twin=twin, to_raw=int8.units.of, classes=int8.classes)

    float_model = ReferenceModel(
        name=f"{name}{FLOAT_SUFFIX}",
        title=f"{title}, float",
        size_bytes=_FLOAT_BYTES * of_floats.n_parameters,
        source={**of_floats.source, "gradients": "its own"},
    )
    int8_model = replace(
        float_model,
        name=name,
        title=f"{title}, int8",
        size_bytes=len(int8.content),
        source={**int8.source, "gradients": "of the float model, judged by the int8 file"},
    )
    return (
        LoadedReference(model=int8_model, models=lambda: audit_models(file(), surrogates()), digests=int8.digests),
        LoadedReference(
            model=float_model,
            models=lambda: audit_models(surrogates().float_twin, surrogates()),
            digests=of_floats.digests,
        ),
    )


def published_source(file: ReferenceFile) -> dict[str, str]:
    """Return what is stored of where a file of MLCommons/Tiny comes from."""
    return {
        "publisher": "MLCommons/Tiny",
        "address": file.address,
        "licence": "Apache-2.0",
        "file": file.path,
    }


def surrogates_of(network: Network, dataset: Dataset, units: RawUnits | None) -> Surrogates:
    """Return a float network as attacks see it, and the same weights at 8 bits with ranges from training examples."""
    x = calibration_inputs(dataset)
    integer_bits = calibrate_integer_bits(network, x if units is None else units.of(x), mode=Mode.DEPLOYED)
    policies = {
        slot.name: LayerPolicy(
            weight_bits=_SIBLING_BITS, activation_bits=_SIBLING_BITS if slot.has_activation else None
        )
        for slot in network.topology.slots
    }
    sibling = Network(network.topology)
    sibling.load_weights(network.weights())
    sibling.load_policies(Candidate(policies=policies, topology={}, training={}), integer_bits)

    def classifier(of: Network, *, quantized: bool) -> Classifier:
        inner = classifier_of(of, dataset.input_range, quantized=quantized)
        return inner if units is None else RawClassifier(inner, units, input_range=dataset.input_range)

    return Surrogates(float_twin=classifier(network, quantized=False), sibling=classifier(sibling, quantized=True))


def calibration_inputs(dataset: Dataset) -> Inputs:
    """Return training examples from which ranges come, the same for everybody.  # [n, ...]"""
    n_examples = min(_CALIBRATION_EXAMPLES, len(dataset.train))
    return dataset.train.inputs(stratified_indices(dataset.train.y, n_examples, np.random.default_rng(0)))


def audit_models(target: Classifier, surrogates: Surrogates) -> AuditModels:
    """Return what an audit needs; a reference has none of the quantizers whose saturation a check looks for."""
    return AuditModels(target=target, surrogates=surrogates, saturation=lambda _: {})
