import hashlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.data.splits import split, stratified_indices
from spaces.errors import DataError
from tests.search.data.builders import make_raw


def numbered(n_train=60, n_test=12):
    """Return data whose every example can be told from the others by its first pixel."""
    x = np.zeros((n_train + n_test, 2, 2, 1), dtype=np.float32)
    x[:, 0, 0, 0] = np.arange(len(x)) / len(x)
    y = np.arange(len(x)) % 3
    return make_raw(x_train=x[:n_train], y_train=y[:n_train], x_test=x[n_train:], y_test=y[n_train:], input_scale=1.0)


def parts(raw=None, validation_examples=15, attack_examples=6, seed=3):
    return split(raw or numbered(), validation_examples=validation_examples, attack_examples=attack_examples, seed=seed)


def marks(part):
    return part.x[:, 0, 0, 0].tolist()


def test_parts_have_the_sizes_that_were_asked_for():
    data = parts()
    assert [len(data.train), len(data.validation), len(data.attack_indices), len(data.test)] == [45, 15, 6, 12]


def marks_of_all():
    raw = numbered()
    return np.concatenate([raw.x_train, raw.x_test])[:, 0, 0, 0].tolist()


def test_no_example_is_in_two_parts_and_none_is_lost():
    data = parts()
    assert sorted(marks(data.train) + marks(data.validation) + marks(data.test)) == marks_of_all()


def test_train_and_validation_keep_the_order_of_the_source():
    data = parts()
    assert marks(data.train) == sorted(marks(data.train))
    assert marks(data.validation) == sorted(marks(data.validation))


def test_labels_stay_with_their_examples():
    data = parts()
    label_of = dict(zip(marks_of_all(), np.arange(72) % 3, strict=True))
    for part in (data.train, data.validation, data.test):
        assert [label_of[mark] for mark in marks(part)] == part.y.tolist()


def test_same_seed_gives_the_same_split():
    first, second = parts(), parts()
    assert marks(first.validation) == marks(second.validation)
    assert first.attack_indices.tolist() == second.attack_indices.tolist()
    assert first.fingerprint == second.fingerprint


def test_another_seed_gives_another_split_and_fingerprint():
    first, second = parts(seed=1), parts(seed=2)
    assert marks(first.validation) != marks(second.validation)
    assert first.fingerprint != second.fingerprint


def test_validation_and_attack_subset_are_stratified():
    data = parts()
    assert np.bincount(data.validation.y).tolist() == [5, 5, 5]
    assert np.bincount(data.attack.y).tolist() == [2, 2, 2]


def test_split_of_these_data_stays_what_it_is():
    # Written down once; a change would silently make every stored study another one.
    assert stratified_indices(np.arange(12) % 3, 6, np.random.default_rng(0)).tolist() == [0, 5, 6, 7, 10, 11]


def test_shares_follow_the_largest_remainders():
    # 7 of 20: class shares 7 * (11, 6, 3) / 20 = 3.85, 2.1, 1.05; floors 3, 2, 1 and the one left over to class 0.
    y = np.repeat([0, 1, 2], [11, 6, 3])
    chosen = stratified_indices(y, 7, np.random.default_rng(0))
    assert np.bincount(y[chosen]).tolist() == [4, 2, 1]


def test_equal_remainders_favour_the_smaller_class():
    y = np.repeat([0, 1, 2], [4, 4, 4])
    assert np.bincount(y[stratified_indices(y, 4, np.random.default_rng(0))]).tolist() == [2, 1, 1]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data(), st.integers(0, 100))
def test_every_class_has_its_share_within_one(labels, data, seed):
    y = np.array(labels)
    count = data.draw(st.integers(0, len(y)))
    chosen = stratified_indices(y, count, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == count
    assert chosen.tolist() == sorted(chosen.tolist())
    for label in set(labels):
        assert abs(np.sum(y[chosen] == label) - count * np.mean(y == label)) < 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"validation_examples": 60}, r"validation_examples must lie in \[1, 59\].*60 training examples.*; got 60"),
        ({"validation_examples": 5000}, r"got 5000"),
        ({"validation_examples": 0}, r"got 0"),
        ({"attack_examples": 16}, r"attack_examples must lie in \[1, 15\].*; got 16"),
        ({"attack_examples": 0}, r"attack_examples must lie in \[1, 15\].*; got 0"),
        ({"validation_examples": 59}, r"train split of 1 examples has none of class"),
    ],
)
def test_more_than_there_is_cannot_be_held_out(changes, problem):
    with pytest.raises(DataError, match=problem):
        parts(**changes)


def test_test_part_without_a_class_is_refused():
    with pytest.raises(DataError, match="test split of 2 examples has none of class 2"):
        parts(numbered(n_test=2))


@pytest.mark.parametrize("name", ["x_train", "y_train", "x_test", "y_test"])
def test_any_changed_value_changes_the_fingerprint(name):
    raw = numbered()
    changed = {part: getattr(raw, part).copy() for part in ("x_train", "y_train", "x_test", "y_test")}
    changed[name][-3:] = changed[name][-3:][::-1]
    assert parts(make_raw(**changed, input_scale=1.0)).fingerprint != parts(raw).fingerprint


@pytest.mark.parametrize("changes", [{"validation_examples": 18}, {"attack_examples": 9}])
def test_other_sizes_change_the_fingerprint(changes):
    assert parts(**changes).fingerprint != parts().fingerprint


def test_other_number_type_or_scale_changes_the_fingerprint():
    raw = make_raw()
    as_wide = make_raw(x_train=raw.x_train.astype(np.int16), x_test=raw.x_test.astype(np.int16))
    assert len({parts(data).fingerprint for data in (raw, as_wide, make_raw(input_scale=1 / 256))}) == 3


def test_memory_layout_does_not_change_the_fingerprint():
    raw = make_raw()
    turned = make_raw(x_train=np.asfortranarray(raw.x_train), x_test=raw.x_test[::-1].copy()[::-1])
    assert parts(turned).fingerprint == parts(raw).fingerprint


@pytest.mark.slow
def test_fingerprint_of_a_large_data_set_takes_little_more_than_its_hash():
    x = np.zeros((60_000, 32, 32, 3), dtype=np.uint8)  # 184 MB, like CIFAR-10
    y = np.arange(60_000) % 3
    raw = make_raw(x_train=x[:50_000], y_train=y[:50_000], x_test=x[50_000:], y_test=y[50_000:])
    start = time.perf_counter()
    hashlib.sha256(x.data)
    hashed = time.perf_counter()
    parts(raw, validation_examples=5000, attack_examples=256)
    assert time.perf_counter() - hashed < 20 * (hashed - start)
