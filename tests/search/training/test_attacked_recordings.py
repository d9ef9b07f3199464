"""Training on attacked recordings: which, in what order, how far, and that the network finds them harder."""

from typing import Any

import numpy as np
import pytest

from search.data.dataset import Dataset, Examples
from search.data.mfcc import standardized
from search.data.speech_commands import read_speech_folder
from search.data.splits import split
from search.models.network import Network
from search.models.topologies import make_topology
from search.runtime import tf
from search.training.attacked_recordings import AttackedRecordings, TrainingRecordings, moved_in_time
from search.training.single_step import training_loss
from spaces.errors import DataError
from spaces.study_spec import TopologySpec
from tests.search.data.speech_builders import SPEAKERS, write_speech_folder
from tests.search.models.builders import make_integer_bits, uniform_candidate


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    lists = {"validation_list.txt": SPEAKERS[:2], "testing_list.txt": SPEAKERS[2:4]}
    folder = write_speech_folder(tmp_path_factory.mktemp("data") / "s", lists=lists)
    return split(read_speech_folder(folder, ("down", "go")), validation_examples=6, attack_examples=4, seed=0)


@pytest.fixture(scope="module")
def recordings(dataset: Dataset) -> TrainingRecordings:
    assert dataset.sound is not None
    return TrainingRecordings(dataset, dataset.sound)


@pytest.fixture(scope="module")
def network(dataset: Dataset) -> Network:
    topology = make_topology(
        TopologySpec(name="dscnn"), input_shape=dataset.input_shape, n_classes=dataset.n_classes, choices={"width": 0.1}
    )
    network = Network(topology)
    network.initialize(1)
    network.load_policies(uniform_candidate(topology, weight_bits=4, activation_bits=4), make_integer_bits(topology))
    return network


def epoch_of(network: Network, recordings: TrainingRecordings, *, epsilon: int = 64, **changes: Any) -> list[Examples]:
    arguments = {"batch_size": 8, "seed": 3, "epoch": 0, "shift_frames": 0, "quantized": False} | changes
    return list(AttackedRecordings(network, recordings, epsilon=epsilon).batches(**arguments))


def loss_of(network: Network, x: Any, y: Any, *, quantized: bool) -> float:
    return float(training_loss(network, tf.constant(x), tf.constant(y), quantized=quantized))


def test_recordings_are_those_of_the_training_part_in_its_order(
    dataset: Dataset, recordings: TrainingRecordings
) -> None:
    features = standardized(tf.constant(recordings.waveforms, tf.float64), recordings.sound, recordings.grid)
    np.testing.assert_allclose(features.numpy(), dataset.train.inputs(), atol=1e-6)


def test_every_recording_comes_at_most_once_and_equal_seeds_give_equal_batches(
    network: Network, recordings: TrainingRecordings
) -> None:
    first, again = epoch_of(network, recordings), epoch_of(network, recordings)
    n = len(recordings.y)
    assert len(first) == n // 8
    for batch, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(batch.x, other.x)
        np.testing.assert_array_equal(batch.y, other.y)
    counts = np.bincount(np.concatenate([batch.y for batch in first]), minlength=4)
    assert (counts <= np.bincount(recordings.y, minlength=4)).all()
    assert not np.array_equal(epoch_of(network, recordings, epoch=1)[0].x, first[0].x)


def test_attacked_recordings_are_codes_of_the_grid_and_near_the_clean_ones_at_one_step(
    dataset: Dataset, network: Network, recordings: TrainingRecordings
) -> None:
    codes = np.concatenate([batch.x for batch in epoch_of(network, recordings, epsilon=1)]) / recordings.grid.scale
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-3)
    # The noise of these recordings is 655 steps loud: a step hardly moves its logarithm.
    clean = dataset.train.inputs() / recordings.grid.scale
    nearest = np.abs(codes[:, np.newaxis] - clean[np.newaxis]).mean(axis=(2, 3, 4)).min(axis=1)
    assert nearest.max() < 1.0
    assert nearest.min() > 0.0, "no recording was left as it is"


@pytest.mark.parametrize("quantized", [False, True])
def test_attack_raises_the_loss_further_than_noise_of_the_same_size(
    network: Network, recordings: TrainingRecordings, quantized: bool
) -> None:
    attacked = epoch_of(network, recordings, epsilon=512, quantized=quantized)
    noise = np.random.default_rng(0).uniform(-512, 512, recordings.waveforms.shape)
    noisy = standardized(tf.constant(recordings.waveforms + noise, tf.float32), recordings.sound, recordings.grid)
    harder = np.mean([loss_of(network, batch.x, batch.y, quantized=quantized) for batch in attacked])
    assert harder > loss_of(network, noisy.numpy(), recordings.y, quantized=quantized) + 0.02


def test_recordings_are_turned_by_their_own_number_of_samples() -> None:
    waveforms = np.arange(8, dtype=np.int16).reshape(2, 4)
    np.testing.assert_array_equal(moved_in_time(waveforms, np.array([1, -1])), [[3, 0, 1, 2], [5, 6, 7, 4]])


def test_moves_in_time_are_whole_frames(network: Network, recordings: TrainingRecordings) -> None:
    still, moved = (epoch_of(network, recordings, epsilon=1, shift_frames=frames)[0].x for frames in (0, 5))
    assert np.abs(still - moved).max() > 1.0


def test_no_whole_batch_is_told(network: Network, recordings: TrainingRecordings) -> None:
    with pytest.raises(DataError, match="batch_size must lie in"):
        epoch_of(network, recordings, batch_size=10**6)
