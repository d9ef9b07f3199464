"""MLCommons/Tiny's ResNet-8 trained plainly on the study's own data, and quantized to int8 after training.

For image data that MLCommons/Tiny has no model of: no quantization, Jacobian terms or adversarial examples in training,
no weights from elsewhere; the int8 file is what TensorFlow Lite's converter makes of it.
"""

import hashlib

from search.evaluation import Evaluator
from search.exporters.tflite_converter import quantize_after_training
from search.models.network import Network
from search.models.topologies import resnet8
from search.models.trained_model import weights_to_bytes
from search.references.base import LoadedReference, ReferenceContext
from search.references.litert import require_litert
from search.references.pair import FloatNetwork, Int8File, calibration_inputs, pair_of_models
from search.references.raw_inputs import AS_THEY_ARE
from spaces.errors import SpecError
from spaces.study_spec import StudySpec
from spaces.training_specs import ParentSpec

NAME = "plain-resnet8"
TOPOLOGY = "resnet8"
LEAST_EPOCHS = 40

_WIDTH = 1.0  # as published


def load(context: ReferenceContext) -> tuple[LoadedReference, ...]:
    """Return the int8 and the float model, as `LoadReferences` says; they are trained where they are not kept."""
    dataset = context.dataset
    if not dataset.image or context.spec.topology.name != TOPOLOGY:
        raise SpecError(
            f"{NAME} is for images and studies of the topology {TOPOLOGY}; study {context.spec.name!r} searches "
            f"{context.spec.topology.name or context.spec.topology.builder} on {dataset.name}."
        )
    require_litert()
    spec = plain_spec(context.spec)
    trained = Evaluator(spec, dataset, context.parents(spec)).parent({"width": _WIDTH}, watch=context.watch)
    network = Network(resnet8.build(input_shape=dataset.input_shape, n_classes=dataset.n_classes, width=_WIDTH))
    network.load_weights(trained.weights)
    content = quantize_after_training(network, calibration=calibration_inputs(dataset))
    weights_digest = hashlib.sha256(weights_to_bytes(trained.weights)).hexdigest()
    source = {
        "trained": f"here, on {dataset.name}, without quantization, Jacobian terms or adversarial examples",
        "epochs": spec.parent.epochs,
        "seed": spec.seed,
        "validation_accuracy": trained.clean_accuracy,
    }
    return pair_of_models(
        NAME,
        "plainly trained ResNet-8",
        dataset=dataset,
        of_floats=FloatNetwork(
            network=lambda: network,
            n_parameters=network.topology.n_parameters,
            digests={"weights.npz": weights_digest},
            source=source,
        ),
        int8=Int8File(
            content=content,
            ends_in_softmax=False,
            units=AS_THEY_ARE,
            digests={"weights.npz": weights_digest, "model.tflite": hashlib.sha256(content).hexdigest()},
            source={**source, "quantized": "after training, by TensorFlow Lite's converter"},
        ),
    )


def plain_spec(spec: StudySpec) -> StudySpec:
    """Return the study with a parent that is trained plainly, from random weights.

    Its settings are those of the study's own parent, so that where this one is plain and trained long enough, the
    two are the same network.
    """
    parent = spec.parent
    return spec.model_copy(
        update={
            "parent": ParentSpec(
                epochs=max(parent.epochs, LEAST_EPOCHS),
                learning_rate=parent.learning_rate,
                batch_size=parent.batch_size,
            )
        }
    )
