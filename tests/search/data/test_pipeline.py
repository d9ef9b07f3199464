import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.data.dataset import Split
from search.data.pipeline import augment, batches, shift_in_time
from spaces.errors import DataError


def numbered(n=50, shape=(4, 4, 2)):
    x = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, *shape)).copy()
    return Split(x=x, y=np.arange(n), input_scale=1 / 255)


def order(split, **options):
    return np.concatenate(
        [y for _, y in batches(split, **{"batch_size": 10, "seed": 1, "epoch": 0, **options})]
    ).tolist()


def images(seed=0, n=20, shape=(6, 5, 3)):
    return np.random.default_rng(seed).integers(1, 256, (n, *shape), dtype=np.uint8)  # no zeros


def test_every_example_comes_once_an_epoch():
    assert sorted(order(numbered())) == list(range(50))


def test_labels_go_with_their_inputs():
    for x, y in batches(numbered(), batch_size=10, seed=1, epoch=0):
        assert np.array_equal(x[:, 0, 0, 0], y.astype(np.float32) / np.float32(255))


def test_batches_are_float32_and_int64():
    x, y = next(batches(numbered(), batch_size=10, seed=1, epoch=0, flip=True, shift_pixels=1))
    assert (x.dtype, y.dtype, x.shape) == (np.float32, np.int64, (10, 4, 4, 2))


def test_short_batch_at_the_end_is_left_out():
    found = order(numbered(), batch_size=16)
    assert len(found) == len(set(found)) == 48


def test_short_batch_at_the_end_can_be_kept():
    sizes = [len(y) for _, y in batches(numbered(), batch_size=16, seed=1, epoch=0, drop_remainder=False)]
    assert sizes == [16, 16, 16, 2]


def test_order_follows_from_seed_and_epoch():
    assert order(numbered()) == order(numbered())
    assert order(numbered()) != order(numbered(), epoch=1)
    assert order(numbered()) != order(numbered(), seed=2)


def test_seed_and_epoch_cannot_stand_for_each_other():
    assert order(numbered(), seed=1, epoch=2) != order(numbered(), seed=2, epoch=1)


def test_augmentation_follows_from_seed_and_epoch():
    split = Split(x=images(), y=np.arange(20), input_scale=1 / 255)
    options = {"batch_size": 20, "seed": 1, "flip": True, "shift_pixels": 2}
    first, again = (next(batches(split, epoch=0, **options)) for _ in range(2))
    other = next(batches(split, epoch=1, **options))
    assert np.array_equal(first.x, again.x)
    assert not np.array_equal(np.sort(first.x, axis=0), np.sort(other.x, axis=0))


@pytest.mark.parametrize("batch_size", [51, 0])
def test_split_without_a_whole_batch_is_refused_at_once(batch_size):
    with pytest.raises(DataError, match=rf"batch_size must lie in \[1, 50\].*got {batch_size}"):
        batches(numbered(), batch_size=batch_size, seed=1, epoch=0)


def test_shift_beyond_the_image_is_refused_at_once():
    with pytest.raises(DataError, match=r"shift_pixels must lie in \[0, 3\] for inputs of 4 x 4; got 4"):
        batches(numbered(), batch_size=10, seed=1, epoch=0, shift_pixels=4)


def test_augmentation_leaves_its_input_alone():
    x = images()
    before = x.copy()
    augment(x, np.random.default_rng(0), flip=True, shift_pixels=2)
    assert np.array_equal(x, before)


def test_nothing_asked_changes_nothing():
    assert np.array_equal(augment(images(), np.random.default_rng(0), flip=False, shift_pixels=0), images())


def test_flip_mirrors_about_half_of_the_images():
    x = images(n=200)
    flipped = augment(x, np.random.default_rng(0), flip=True, shift_pixels=0)
    is_mirrored = np.array([np.array_equal(new, old[:, ::-1]) for new, old in zip(flipped, x, strict=True)])
    is_kept = np.array([np.array_equal(new, old) for new, old in zip(flipped, x, strict=True)])
    assert np.all(is_mirrored ^ is_kept)
    assert 70 < is_mirrored.sum() < 130


def moved(image, down, right):
    """Move one image the plain way."""
    height, width, _ = image.shape
    result = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[row, column] = image[row - down, column - right]
    return result


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(0, 1000), st.integers(1, 3), st.sampled_from([np.uint8, np.float32]))
def test_shift_moves_each_image_as_a_whole_and_fills_with_zero(margin, seed, channels, dtype):
    x = images(seed, n=5, shape=(6, 5, channels)).astype(dtype)
    shifted = augment(x, np.random.default_rng(seed), flip=False, shift_pixels=margin)
    steps = range(-margin, margin + 1)
    for new, old in zip(shifted, x, strict=True):
        assert any(np.array_equal(new, moved(old, down, right)) for down in steps for right in steps)
    assert shifted.dtype == dtype


def test_every_shift_occurs():
    x = np.zeros((2000, 5, 5, 1), dtype=np.uint8)
    x[:, 2, 2] = 1
    _, rows, columns, _ = np.nonzero(augment(x, np.random.default_rng(0), flip=False, shift_pixels=2))
    counts = np.histogram2d(rows, columns, bins=[range(6), range(6)])[0]
    assert counts.sum() == 2000
    assert counts.min() > 40  # 80 expected in each of 25 places


def test_features_of_a_recording_move_in_time_and_repeat_the_frame_at_the_end():
    x = np.arange(200 * 6).reshape(200, 6, 1, 1)
    moved = shift_in_time(x, np.random.default_rng(0), shift_frames=2)
    first = x[:, :1]
    moves = {tuple((np.asarray(one) - start).ravel()) for one, start in zip(moved, first, strict=True)}
    assert moves == {
        (2, 3, 4, 5, 5, 5),
        (1, 2, 3, 4, 5, 5),
        (0, 1, 2, 3, 4, 5),
        (0, 0, 1, 2, 3, 4),
        (0, 0, 0, 1, 2, 3),
    }


def test_without_moves_in_time_no_random_number_is_drawn():
    rng = np.random.default_rng(0)
    x = np.zeros((2, 3, 1, 1))
    assert shift_in_time(x, rng, shift_frames=0) is x
    assert rng.random() == np.random.default_rng(0).random()
