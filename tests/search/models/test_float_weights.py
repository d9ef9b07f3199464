"""Float weights from Keras files: a model with a softmax, files that do not fit, and the published ResNet-8."""

import os
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from search.data.cifar10 import load_cifar10
from search.models.classifier import NetworkClassifier
from search.models.float_weights import load_float_weights
from search.models.network import Network
from search.models.topologies import resnet8
from search.runtime import tf
from spaces.errors import SpecError
from tests.search.models.builders import make_inputs, residual_topology


def keras_residual(
    *, filters: int = 4, n_norms: int = 4, use_bias: bool = True, center: bool = True, scale: bool = True
) -> Any:
    """Return the residual topology as a user would write it: names of their own, a softmax at the end."""
    layers = tf.keras.layers

    def norm_relu(x: Any) -> Any:
        return layers.ReLU()(layers.BatchNormalization(center=center, scale=scale)(x))

    inputs = tf.keras.Input((6, 6, 2))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=use_bias)(2.0 * inputs)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=use_bias)(norm_relu(x))
    x = norm_relu(x) if n_norms == 4 else layers.ReLU()(x)
    y = norm_relu(layers.Conv2D(5, 3, strides=2, padding="same", use_bias=use_bias)(x))
    y = layers.BatchNormalization()(layers.Conv2D(5, 3, padding="same", use_bias=use_bias)(y))
    x = layers.Conv2D(5, 1, strides=2, padding="same", use_bias=use_bias)(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.add([y, x])))
    model = tf.keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.6, value.shape) for value in model.get_weights()])
    return model


def save(model: Any, path: Path, *, only_weights: bool = False) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras' opinion of .h5
        model.save_weights(path) if only_weights else model.save(path)
    return path


def network_of(path: Path) -> NetworkClassifier:
    network = Network(residual_topology())
    network.load_weights(load_float_weights(path, network.topology))
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0), quantized=False)
    classifier.refresh()
    return classifier


@pytest.mark.parametrize("only_weights", [False, True], ids=["model", "weights"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_users_model_gives_its_own_probabilities(tmp_path: Path, only_weights: bool, use_bias: bool) -> None:
    model = keras_residual(use_bias=use_bias)
    path = save(model, tmp_path / "parent.h5", only_weights=only_weights)
    x = make_inputs(residual_topology(), 8)
    logits = network_of(path).logits(x)
    np.testing.assert_allclose(tf.nn.softmax(logits).numpy(), model(x, training=False).numpy(), rtol=1e-4, atol=1e-6)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"parent\.file = .*none\.h5' does not exist"):
        load_float_weights(tmp_path / "none.h5", residual_topology())


def test_a_file_that_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no weights here")
    with pytest.raises(SpecError, match=r"is not a Keras \.h5 file"):
        load_float_weights(tmp_path / "text.h5", residual_topology())


def test_an_hdf5_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["table"] = np.zeros(3)
    with pytest.raises(SpecError, match=r"is not a Keras \.h5 file"):
        load_float_weights(tmp_path / "other.h5", residual_topology())


def test_another_number_of_layers_is_refused_with_both_counts(tmp_path: Path) -> None:
    path = save(keras_residual(n_norms=3), tmp_path / "parent.h5")
    with pytest.raises(SpecError, match=r"has 6 layers with kernels and 3 normalizations.*'residual' has 6 and 4"):
        load_float_weights(path, residual_topology())


def test_other_shapes_are_refused_with_the_layer(tmp_path: Path) -> None:
    path = save(keras_residual(filters=6), tmp_path / "parent.h5")
    with pytest.raises(
        SpecError, match=r"kernel for 'conv0' has shape \(3, 3, 2, 6\); the topology needs \(3, 3, 2, 4\)"
    ):
        load_float_weights(path, residual_topology())


@pytest.mark.parametrize("left_out", ["center", "scale"])
def test_a_normalization_that_does_without_offset_or_scale_gets_a_neutral_one(tmp_path: Path, left_out: str) -> None:
    model = keras_residual(**{left_out: False})
    x = make_inputs(residual_topology(), 8)
    logits = network_of(save(model, tmp_path / "parent.h5")).logits(x)
    np.testing.assert_allclose(tf.nn.softmax(logits).numpy(), model(x, training=False).numpy(), rtol=1e-4, atol=1e-6)


def test_a_normalization_elsewhere_is_refused_with_its_channels(tmp_path: Path) -> None:
    """Four normalizations, but the second stands behind the shortcut and has its 5 channels, not 4."""
    layers = tf.keras.layers
    inputs = tf.keras.Input((6, 6, 2))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.BatchNormalization()(layers.Conv2D(5, 3, strides=2, padding="same")(x))
    y = layers.BatchNormalization()(layers.Conv2D(5, 3, padding="same")(y))
    x = layers.BatchNormalization()(layers.Conv2D(5, 1, strides=2, padding="same")(x))
    x = layers.GlobalAveragePooling2D()(layers.add([y, x]))
    path = save(tf.keras.Model(inputs, layers.Dense(3)(x)), tmp_path / "parent.h5")
    with pytest.raises(SpecError, match=r"gamma for 'depthwise_norm' has shape \(5,\); the topology needs \(4,\)"):
        load_float_weights(path, residual_topology())


def replace_field(path: Path, field: str, value: Any) -> None:
    """Give the first layer that has a field another value for it, or none."""
    with h5py.File(path, "r+") as file:
        root = file["model_weights"]
        groups = [root[layer] for layer in root.attrs["layer_names"]]
        found = [(group, name) for group in groups for name in group.attrs["weight_names"] if f"/{field}" in str(name)]
        group, name = found[0]
        group.attrs["weight_names"] = [other for other in group.attrs["weight_names"] if other != name]
        del group[name]
        if value is not None:
            group.attrs["weight_names"] = [*group.attrs["weight_names"], name]
            group[name] = value


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("bias", np.zeros(3), r"the bias for 'conv0' has shape \(3,\); the topology needs \(4,\)"),
        ("gamma", np.zeros((4, 1)), r"the gamma for 'conv0_norm' has shape \(4, 1\); the topology needs \(4,\)"),
        ("beta", np.float32(0), r"the beta for 'conv0_norm' has shape \(\); the topology needs \(4,\)"),
        ("moving_variance", None, r"'conv0_norm' gets no variance; the topology needs one of shape \(4,\)"),
        ("kernel", np.full((3, 3, 2, 4), np.nan), "the kernel for 'conv0' has 72 of 72 values that are not finite"),
        ("moving_mean", [0, np.inf, 0, 0], "the mean for 'conv0_norm' has 1 of 4 values that are not finite"),
    ],
)
def test_a_field_that_does_not_fit_is_refused_with_its_layer(tmp_path: Path, field: str, value: Any, said: str) -> None:
    path = save(keras_residual(), tmp_path / "parent.h5")
    replace_field(path, field, value)
    with pytest.raises(SpecError, match=rf"parent\.h5'.*{said}"):
        load_float_weights(path, residual_topology())


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("SEARCH_DATA_DIR"), reason="SEARCH_DATA_DIR is not set")
def test_published_resnet8_is_right_on_cifar10() -> None:
    network = Network(resnet8.build(input_shape=(32, 32, 3), n_classes=10, width=1.0))
    path = Path(os.environ["SEARCH_DATA_DIR"]) / "mlcommons_tiny" / "pretrainedResnet.h5"
    network.load_weights(load_float_weights(path, network.topology))
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0), quantized=False)
    classifier.refresh()
    raw = load_cifar10(None)
    x, y = (raw.x_test[:1000] / np.float32(255)).astype(np.float32), raw.y_test[:1000]
    assert (classifier.logits(x).argmax(axis=1) == y).mean() >= 0.86
