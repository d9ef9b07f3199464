"""Statistics of batch normalization taken anew, on a network with random kernels."""

import numpy as np
import pytest

from search.models.classifier import NetworkClassifier
from search.models.network import Mode, Network
from search.models.topologies import digits_cnn
from search.training.norm_statistics import NormStatistics
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from tests.search.trained_digits import digits_dataset

TOPOLOGY = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.25)
X = digits_dataset().train.inputs()[:128]


def random_network() -> Network:
    network = Network(TOPOLOGY)
    network.initialize(3)
    policies = {
        slot.name: LayerPolicy(weight_bits=2, activation_bits=4 if slot.has_activation else None)
        for slot in TOPOLOGY.slots
    }
    integer_bits = {node: {4: 2} for node in TOPOLOGY.activation_owner}
    network.load_policies(Candidate(policies=policies, topology={}, training={}), integer_bits)
    return network


def statistics(network: Network) -> dict[str, np.ndarray]:
    return {name: values for name, values in network.weights().items() if name.endswith(("/mean", "/variance"))}


def test_deployed_network_is_then_the_network_in_training() -> None:
    network = random_network()
    forward = network.forward(X, kernels=network.quantized_kernels(), mode=Mode.TRAIN, quantized=True)
    classifier = NetworkClassifier(network, input_range=(0.0, 1.0))
    classifier.refresh()
    trained = forward.logits.numpy()
    assert np.abs(classifier.logits(X) - trained).max() > 0.1 * np.ptp(trained)
    NormStatistics(network).renew(X)
    np.testing.assert_allclose(classifier.logits(X), trained, atol=0.01 * np.ptp(trained))


def test_trained_weights_stay_and_so_does_the_result() -> None:
    network = random_network()
    before, norms = network.weights(), NormStatistics(network)
    norms.renew(X)
    first = statistics(network)
    assert first.keys() == {f"{node}/{field}" for node in _norms() for field in ("mean", "variance")}
    for name, values in network.weights().items():
        if name not in first:
            np.testing.assert_array_equal(values, before[name])
    norms.renew(X)
    for name, values in statistics(network).items():
        np.testing.assert_array_equal(values, first[name])


def test_batches_count_by_their_size() -> None:
    network, x = random_network(), digits_dataset().train.inputs()[:129]  # more than one batch: 65 and 64
    norms, name = NormStatistics(network), f"{_norms()[0]}/mean"
    found = []
    for part in (x, x[:65], x[65:]):
        norms.renew(part)
        found.append(statistics(network)[name])
    assert found[0] == pytest.approx((65 * found[1] + 64 * found[2]) / 129, rel=1e-5)


def _norms() -> list[str]:
    return [name.removesuffix("/mean") for name in Network(TOPOLOGY).weights() if name.endswith("/mean")]
