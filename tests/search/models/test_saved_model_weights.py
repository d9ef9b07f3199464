"""Weights out of a SavedModel's variables: matched by layer, in numerical order, without its optimizer."""

from pathlib import Path

import numpy as np
import pytest

from search.models.network import Network
from search.models.saved_model_weights import load_saved_model_weights
from search.models.topologies import dscnn
from search.models.topology import BatchNorm, Layer, Topology
from search.runtime import tf
from spaces.errors import SpecError

OUR_FIELDS = {"mean": "moving_mean", "variance": "moving_variance"}


@pytest.fixture(scope="module")
def topology() -> Topology:
    return dscnn.build(input_shape=(12, 6, 1), n_classes=3, width=0.125)


@pytest.fixture(scope="module")
def weights(topology: Topology) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.random(values.shape).astype(np.float32) for name, values in Network(topology).weights().items()}


@pytest.fixture(scope="module")
def files(topology: Topology, weights: dict[str, np.ndarray], tmp_path_factory) -> dict[str, bytes]:
    """Variables under the names that Keras gives them, an optimizer's among them."""
    folder = tmp_path_factory.mktemp("saved")
    root = tf.Module()
    nodes = [node for node in topology.nodes if isinstance(node, Layer | BatchNorm)]
    for index, node in enumerate(nodes):
        module = tf.Module()
        for name, values in weights.items():
            owner, field = name.split("/")
            if owner == node.name:
                is_depthwise = field == "kernel" and owner.endswith("_depthwise")
                keras_name = "depthwise_kernel" if is_depthwise else OUR_FIELDS.get(field, field)
                setattr(module, keras_name, tf.Variable(values))
        setattr(root, f"layer_with_weights-{index}", module)
    root.optimizer = tf.Module()
    root.optimizer.kernel = tf.Variable(np.zeros(3, np.float32))
    tf.train.Checkpoint(model=root, **{name: getattr(root, name) for name in vars(root) if "layer" in name}).write(
        str(folder / "variables")
    )
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name.startswith("variables")}


def test_every_weight_is_found_again(topology, weights, files):
    loaded = load_saved_model_weights(files, topology, where="theirs")
    assert set(loaded) == set(weights)
    for name, values in weights.items():
        np.testing.assert_array_equal(loaded[name], values, err_msg=name)


def test_other_topology_is_refused(files):
    wider = dscnn.build(input_shape=(12, 6, 1), n_classes=3, width=0.25)
    with pytest.raises(SpecError, match=r"theirs: the kernel for 'conv0' has shape .* the topology needs"):
        load_saved_model_weights(files, wider, where="theirs")


def test_damaged_files_are_refused(topology, files):
    broken = {name: content if name.endswith("00001") else content[:20] for name, content in files.items()}
    with pytest.raises(SpecError, match=r"theirs is no SavedModel that can be read"):
        load_saved_model_weights(broken, topology, where="theirs")
    with pytest.raises(SpecError, match=r"theirs is no SavedModel that can be read"):
        load_saved_model_weights({}, topology, where="theirs")
