"""MLCommons/Tiny's DS-CNN for keyword spotting: the int8 file that devices get, and the float network behind it.

Both take raw coefficients, 49 frames of 10, and end in a softmax over 12 classes. The service's own DS-CNN has the same
layers with logits at its end; the study's standardized inputs become raw coefficients in front of it. Of the 12 outputs
those stay that are classes of the study: words that it does not have cannot be answered.
"""

import numpy as np

from search.data.dataset import Dataset
from search.data.sound import FRONT_END, Sound
from search.data.speech_commands import MLCOMMONS_KEYWORDS
from search.data.speech_folder import labels_of
from search.models.network import Network, Weights
from search.models.saved_model_weights import load_saved_model_weights
from search.models.topologies import dscnn
from search.references.base import LoadedReference, ReferenceContext, ReferenceFile, digests_of
from search.references.litert import require_litert
from search.references.pair import FloatNetwork, Int8File, pair_of_models, published_source
from search.references.raw_inputs import RawUnits
from spaces.errors import SpecError

NAME = "mlcommons-dscnn"
LABELS = labels_of(MLCOMMONS_KEYWORDS)  # in the order of its outputs

_ADDRESS = "https://github.com/mlcommons/tiny/tree/master/benchmark/training/keyword_spotting/trained_models"
MODEL_FOLDER = "mlcommons_tiny/kws_ref_model"
VALUES_FILE = ReferenceFile(
    path=f"{MODEL_FOLDER}/variables/variables.data-00000-of-00001",
    sha256="5ebfddd34e85a2d35e87e27a8a803353534019bb460907b16db5fa72d757e8c5",
    address=_ADDRESS,
)
INDEX_FILE = ReferenceFile(
    path=f"{MODEL_FOLDER}/variables/variables.index",
    sha256="3f21dd9ea6736e20e70c5ed2f40ed9d8a7d12b98316ac0e4ab8f4eb7e303d738",
    address=_ADDRESS,
)
INT8_FILE = ReferenceFile(
    path="mlcommons_tiny/kws_ref_model.tflite",
    sha256="aeea436800704fce17b17292e4412630ad856e9d777c044c64ef748a880bd0ae",
    address=_ADDRESS,
)


def load(context: ReferenceContext) -> tuple[LoadedReference, ...]:
    """Return the int8 and the float model, as `LoadReferences` says."""
    dataset = context.dataset
    sound = _checked(dataset)
    require_litert()
    variables = {
        path.name: content for path, content in (file.read(context.roots) for file in (VALUES_FILE, INDEX_FILE))
    }
    _, int8 = INT8_FILE.read(context.roots)
    published = dscnn.build(input_shape=dataset.input_shape, n_classes=len(LABELS), width=1.0)
    classes = tuple(LABELS.index(label) for label in sound.labels)
    units = raw_coefficients(sound)

    def network() -> Network:
        made = Network(dscnn.build(input_shape=dataset.input_shape, n_classes=len(classes), width=1.0))
        made.load_weights(_restricted(load_saved_model_weights(variables, published, where=MODEL_FOLDER), classes))
        return made

    dropped = ", ".join(label for label in LABELS if label not in sound.labels) or "none"
    return pair_of_models(
        NAME,
        "MLCommons/Tiny DS-CNN",
        dataset=dataset,
        of_floats=FloatNetwork(
            network=network,
            n_parameters=published.n_parameters,
            units=units,
            digests=digests_of(VALUES_FILE, INDEX_FILE),
            source={**published_source(VALUES_FILE), "classes left out": dropped},
        ),
        int8=Int8File(
            content=int8,
            ends_in_softmax=True,
            units=units,
            classes=classes,
            digests=digests_of(INT8_FILE, VALUES_FILE, INDEX_FILE),
            source={**published_source(INT8_FILE), "classes left out": dropped},
        ),
    )


def raw_coefficients(sound: Sound) -> RawUnits:
    """Return how raw coefficients follow from a study's standardized ones."""
    deviation, mean = (np.array(values, np.float32)[:, np.newaxis] for values in (sound.deviation, sound.mean))
    return RawUnits(factor=deviation, offset=mean)


def _checked(dataset: Dataset) -> Sound:
    """Return the sound of a data set that the models can classify."""
    sound = dataset.sound
    if sound is None:
        raise SpecError(
            f"{NAME} classifies recordings of words; the study's data are {dataset.name}. Choose a study on Speech "
            "Commands, such as kws."
        )
    unknown = [label for label in sound.labels if label not in LABELS]
    if unknown:
        raise SpecError(
            f"{NAME} has no class for {', '.join(unknown)}; it knows {', '.join(LABELS)}. Choose a study whose "
            "data.keywords are among them."
        )
    if sound.front_end != FRONT_END:
        raise SpecError(
            f"{NAME} takes the features of {FRONT_END}; those of the study are made with {sound.front_end}."
        )
    return sound


def _restricted(weights: Weights, classes: tuple[int, ...]) -> Weights:
    """Return the weights with those outputs alone, in that order."""
    kernel, bias = weights["dense/kernel"], weights["dense/bias"]
    return {**weights, "dense/kernel": kernel[:, list(classes)], "dense/bias": bias[list(classes)]}
