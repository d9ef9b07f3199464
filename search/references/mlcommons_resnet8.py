"""MLCommons/Tiny's ResNet-8 for CIFAR-10: the int8 file that devices get, and the float network that it was made from.

Both take pixels of 0..255 and end in a softmax. The service's own ResNet-8 has the same layers with the rescaling
inside and logits at its end; of the int8 file the softmax is cut off.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from search.attacks.audit_plan import Surrogates
from search.attacks.base import Classifier, Inputs
from search.audit_models import AuditModels, classifier_of
from search.data.dataset import Dataset
from search.data.splits import stratified_indices
from search.models.calibration import calibrate_integer_bits
from search.models.float_weights import load_float_weights
from search.models.network import Mode, Network
from search.models.topologies import resnet8
from search.references.base import LoadedReference, PublishedFile
from search.references.litert import LitertClassifier, require_litert
from spaces.candidate import Candidate
from spaces.errors import SpecError
from spaces.layer_policy import LayerPolicy
from storage.reference_models import ReferenceModel

NAME = "mlcommons-resnet8"
DATA = "cifar10"

_ADDRESS = "https://github.com/mlcommons/tiny/tree/master/benchmark/training/image_classification/trained_models"
FLOAT_FILE = PublishedFile(
    path="mlcommons_tiny/pretrainedResnet.h5",
    sha256="5f938a8eea605438cc7360aa13c987bc6d7bd0c8d931b2917361ae7ae4eeda2f",
    address=_ADDRESS,
)
INT8_FILE = PublishedFile(
    path="mlcommons_tiny/pretrainedResnet_quant.tflite",
    sha256="3c002613d1b2475eb51dd78dfb85a546c8ae658dee71cf6ade43b022fe205415",
    address=_ADDRESS,
)
_FLOAT_BYTES = 4  # of a parameter
_SIBLING_BITS = 8
_CALIBRATION_EXAMPLES = 256
_PIXELS = 255.0


def load(dataset: Dataset, roots: Sequence[Path]) -> tuple[LoadedReference, ...]:
    """Return the int8 and the float model, as `LoadReferences` says."""
    if dataset.name != DATA:
        raise SpecError(f"{NAME} classifies {DATA}; the study's data are {dataset.name}. Choose a study on {DATA}.")
    require_litert()
    path, _ = FLOAT_FILE.read(roots)
    _, int8 = INT8_FILE.read(roots)
    topology = resnet8.build(input_shape=dataset.input_shape, n_classes=dataset.n_classes, width=1.0)
    source = {"publisher": "MLCommons/Tiny", "address": _ADDRESS, "licence": "Apache-2.0"}

    @cache
    def twins() -> Surrogates:
        network = Network(topology)
        network.load_weights(load_float_weights(path, topology))
        return surrogates_of(network, dataset)

    float_model = ReferenceModel(
        name=f"{NAME}-float",
        title="MLCommons/Tiny ResNet-8, float",
        size_bytes=_FLOAT_BYTES * topology.n_parameters,
        source=source | {"file": FLOAT_FILE.path, "gradients": "its own"},
    )
    int8_model = replace(
        float_model,
        name=NAME,
        title="MLCommons/Tiny ResNet-8, int8",
        size_bytes=len(int8),
        source=source | {"file": INT8_FILE.path, "gradients": "of the float model, judged by the int8 file"},
    )
    return (
        LoadedReference(
            model=int8_model,
            models=lambda: audit_models(litert(int8, twins().float_twin), twins()),
            digests={INT8_FILE.path: INT8_FILE.sha256, FLOAT_FILE.path: FLOAT_FILE.sha256},
        ),
        LoadedReference(
            model=float_model,
            models=lambda: audit_models(twins().float_twin, twins()),
            digests={FLOAT_FILE.path: FLOAT_FILE.sha256},
        ),
    )


def surrogates_of(network: Network, dataset: Dataset) -> Surrogates:
    """Return a float network as attacks see it, and the same weights at 8 bits with ranges from training examples."""
    rows = stratified_indices(dataset.train.y, _CALIBRATION_EXAMPLES, np.random.default_rng(0))
    integer_bits = calibrate_integer_bits(network, dataset.train.inputs(rows), mode=Mode.DEPLOYED)
    policies = {
        slot.name: LayerPolicy(
            weight_bits=_SIBLING_BITS, activation_bits=_SIBLING_BITS if slot.has_activation else None
        )
        for slot in network.topology.slots
    }
    sibling = Network(network.topology)
    sibling.load_weights(network.weights())
    sibling.load_policies(Candidate(policies=policies, topology={}, training={}), integer_bits)
    classifier = partial(classifier_of, input_range=dataset.input_range)
    return Surrogates(float_twin=classifier(network, quantized=False), sibling=classifier(sibling, quantized=True))


def audit_models(target: Classifier, surrogates: Surrogates) -> AuditModels:
    """Return what an audit needs; a reference has none of the quantizers whose saturation a check looks for."""
    return AuditModels(target=target, surrogates=surrogates, saturation=lambda _: {})


def litert(content: bytes, twin: Classifier) -> LitertClassifier:
    """Return the int8 file as attacks see it, with inputs in [0, 1]."""
    return LitertClassifier(content, twin=twin, to_raw=_to_pixels)


def _to_pixels(x: Inputs) -> Inputs:
    pixels: Inputs = x * np.float32(_PIXELS)
    return pixels
