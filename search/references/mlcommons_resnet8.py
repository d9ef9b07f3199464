"""MLCommons/Tiny's ResNet-8 for CIFAR-10: the int8 file that devices get, and the float network that it was made from.

Both take pixels of 0..255 and end in a softmax. The service's own ResNet-8 has the same layers with the rescaling
inside and logits at its end; of the int8 file the softmax is cut off.
"""

from search.models.float_weights import load_float_weights
from search.models.network import Network
from search.models.topologies import resnet8
from search.references.base import LoadedReference, ReferenceContext, ReferenceFile, digests_of
from search.references.litert import require_litert
from search.references.pair import FloatNetwork, Int8File, pair_of_models, published_source
from search.references.raw_inputs import PIXELS
from spaces.errors import SpecError

NAME = "mlcommons-resnet8"
DATA = "cifar10"

_ADDRESS = "https://github.com/mlcommons/tiny/tree/master/benchmark/training/image_classification/trained_models"
FLOAT_FILE = ReferenceFile(
    path="mlcommons_tiny/pretrainedResnet.h5",
    sha256="5f938a8eea605438cc7360aa13c987bc6d7bd0c8d931b2917361ae7ae4eeda2f",
    address=_ADDRESS,
)
INT8_FILE = ReferenceFile(
    path="mlcommons_tiny/pretrainedResnet_quant.tflite",
    sha256="3c002613d1b2475eb51dd78dfb85a546c8ae658dee71cf6ade43b022fe205415",
    address=_ADDRESS,
)


def load(context: ReferenceContext) -> tuple[LoadedReference, ...]:
    """Return the int8 and the float model, as `LoadReferences` says."""
    dataset = context.dataset
    if dataset.name != DATA:
        raise SpecError(f"{NAME} classifies {DATA}; the study's data are {dataset.name}. Choose a study on {DATA}.")
    require_litert()
    path, _ = FLOAT_FILE.read(context.roots)
    _, int8 = INT8_FILE.read(context.roots)
    topology = resnet8.build(input_shape=dataset.input_shape, n_classes=dataset.n_classes, width=1.0)

    def network() -> Network:
        made = Network(topology)
        made.load_weights(load_float_weights(path, topology))
        return made

    return pair_of_models(
        NAME,
        "MLCommons/Tiny ResNet-8",
        dataset=dataset,
        of_floats=FloatNetwork(
            network=network,
            n_parameters=topology.n_parameters,
            digests=digests_of(FLOAT_FILE),
            source=published_source(FLOAT_FILE),
        ),
        int8=Int8File(
            content=int8,
            ends_in_softmax=True,
            units=PIXELS,
            digests=digests_of(INT8_FILE, FLOAT_FILE),
            source=published_source(INT8_FILE),
        ),
    )
