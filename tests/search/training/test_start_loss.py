"""The loss before a training, against the loss of its first step."""

import numpy as np
import pytest

from search.data.dataset import Examples
from search.models.network import Network
from search.models.topologies import digits_cnn
from search.training.start_loss import StartLoss
from search.training.step import StepKind, StepSettings, TrainingStep
from tests.search.models.builders import make_integer_bits, uniform_candidate
from tests.search.trained_digits import digits_dataset

TOPOLOGY = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.25)
TRAIN = digits_dataset().train
WEIGHTS = {"conv0": 0.1, "conv2": 0.05}


def random_network() -> Network:
    network = Network(TOPOLOGY)
    network.initialize(3)
    network.load_policies(uniform_candidate(TOPOLOGY, weight_bits=3, activation_bits=4), make_integer_bits(TOPOLOGY))
    return network


def examples(count: int) -> Examples:
    return Examples(x=TRAIN.inputs()[:count], y=TRAIN.y[:count])


@pytest.mark.parametrize("weights", [{}, WEIGHTS])
def test_it_is_the_loss_of_the_first_step(weights: dict[str, float]) -> None:
    network, batch = random_network(), examples(128)
    before, loss = network.weights(), StartLoss(network)
    found = loss.of(batch, jacobian_weights=weights)
    for name, values in network.weights().items():
        np.testing.assert_array_equal(values, before[name])
    step = TrainingStep(network, StepSettings(weight_decay=0.0, jacobian_examples=128, input_range=(0.0, 1.0)))
    terms = []
    for seed in range(20):
        network.load_weights(before)
        step.reset(jacobian_weights=weights, adversarial_weight=0.0, adversarial_epsilon=0.0)
        kind = StepKind(quantized=True, jacobian=bool(weights), adversarial=False)
        cross_entropy, term = step.run(kind, batch.x, batch.y, learning_rate=0.0, seed=(seed, 0)).numpy()
        terms.append(term)
    # The term is an estimate over random directions.
    assert found == pytest.approx(cross_entropy + np.mean(terms), rel=0.1 if weights else 1e-5)
    assert (np.mean(terms) > 0) == bool(weights)


def test_weights_of_an_earlier_candidate_are_forgotten() -> None:
    loss, batch = StartLoss(random_network()), examples(128)
    plain = loss.of(batch, jacobian_weights={})
    assert loss.of(batch, jacobian_weights=WEIGHTS) > plain
    assert loss.of(batch, jacobian_weights={}) == plain


def test_batches_are_averaged_and_a_rest_is_left_out() -> None:
    loss, everything = StartLoss(random_network()), examples(300)
    halves = [
        loss.of(Examples(x=everything.x[part], y=everything.y[part]), jacobian_weights=WEIGHTS)
        for part in (slice(0, 128), slice(128, 256))
    ]
    assert loss.of(everything, jacobian_weights=WEIGHTS) == pytest.approx(np.mean(halves), rel=1e-5)
    assert loss.of(examples(50), jacobian_weights={}) > 0
