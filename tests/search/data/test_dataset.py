import json

import numpy as np
import pytest

from search.data.dataset import Split
from search.data.input_grid import to_inputs
from search.data.splits import split
from spaces.errors import DataError
from tests.search.data.builders import make_raw


def small_dataset(**changes):
    return split(make_raw(**changes), validation_examples=15, attack_examples=6, seed=3)


@pytest.mark.parametrize("divisor", [255, 16, 1])
def test_inputs_are_the_exact_quotients(divisor):
    values = np.arange(256, dtype=np.uint8)
    expected = values.astype(np.float32) / np.float32(divisor)
    assert to_inputs(values, 1 / divisor).tobytes() == expected.tobytes()


def test_quotient_is_not_always_the_product():
    # What the division is there for: 1/255 rounded to float32 would miss some of the 256 values.
    values = np.arange(256, dtype=np.float32)
    assert np.any(values * np.float32(1 / 255) != values / np.float32(255))


def test_scale_that_is_no_reciprocal_multiplies():
    assert to_inputs(np.array([4], dtype=np.int8), 0.58470).tolist() == [np.float32(4) * np.float32(0.58470)]
    assert to_inputs(np.array([4], dtype=np.int8), 2.5).tolist() == [10.0]


def test_inputs_are_new_float32_arrays():
    raw = np.ones((2, 1, 1, 1), dtype=np.float32)
    part = Split(x=raw, y=np.zeros(2, dtype=np.int64), input_scale=1.0)
    inputs = part.inputs()
    inputs += 1
    assert inputs.dtype == np.float32
    assert raw.max() == 1


def test_inputs_at_indices_come_in_that_order():
    part = small_dataset().train
    assert np.array_equal(part.inputs(np.array([5, 2])), part.inputs()[[5, 2]])
    assert np.array_equal(part.inputs(slice(0, 4)), part.inputs()[:4])


def test_parts_are_read_only():
    part = small_dataset().train
    with pytest.raises(ValueError, match="read-only"):
        part.x[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        part.y[0] = 0


def test_arrays_that_a_split_was_made_from_stay_writable():
    y = np.zeros(2, dtype=np.int64)
    Split(x=np.zeros((2, 1, 1, 1)), y=y, input_scale=1.0)
    y[0] = 1


def test_attack_subset_lies_in_the_validation_split():
    data = small_dataset()
    x, y = data.attack
    assert np.array_equal(x, data.validation.inputs()[data.attack_indices])
    assert np.array_equal(y, data.validation.y[data.attack_indices])
    assert (x.dtype, y.dtype, len(x)) == (np.float32, np.int64, 6)


def test_input_shape_is_height_width_channels():
    assert small_dataset().input_shape == (6, 4, 2)


def test_description_is_json_and_tells_sizes():
    described = small_dataset(is_exact=False, note="two were compressed").describe()
    assert json.loads(json.dumps(described)) == described
    sizes = [described[f"{part}_examples"] for part in ("train", "validation", "attack", "test")]
    assert sizes == [45, 15, 6, 12]
    assert (described["is_exact"], described["is_synthetic"], described["note"]) == (
        False,
        False,
        "two were compressed",
    )
    assert (described["n_classes"], described["input_shape"]) == (3, [6, 4, 2])


def test_labels_of_any_integer_type_become_int64():
    assert make_raw(y_train=(np.arange(60) % 3).astype(np.uint8)).y_train.dtype == np.int64


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"x_train": np.zeros((60, 6, 4), dtype=np.uint8)}, r"train part: inputs must have shape \[n, height"),
        ({"x_test": np.zeros((0, 6, 4, 2), dtype=np.uint8)}, r"test part: inputs must have shape"),
        ({"x_train": np.zeros((60, 6, 4, 2), dtype=bool)}, "integers or floats; got bool"),
        ({"x_train": np.full((60, 6, 4, 2), np.nan)}, "finite; found NaN"),
        ({"x_train": np.full((60, 6, 4, 2), np.inf)}, "finite; found NaN or infinity"),
        ({"y_train": np.arange(59) % 3}, r"60 integers, one for each input; got int64 of shape \(59,\)"),
        ({"y_train": np.zeros((60, 3), dtype=np.int64)}, r"got int64 of shape \(60, 3\)"),
        ({"y_train": np.zeros(60)}, "60 integers, one for each input; got float64"),
        ({"y_test": np.arange(12) % 4}, r"test part: labels must lie in 0\.\.2 for 3 classes; got 0\.\.3"),
        ({"y_train": np.arange(60) % 3 - 1}, r"got -1\.\.1"),
        ({"input_scale": 1.0}, r"must lie in the input range \[0, 1\]; got 0\.\.255"),
        ({"input_scale": 0.0}, "needs input_scale > 0"),
        ({"input_range": (1.0, 0.0)}, "low < high"),
        ({"n_classes": 1}, "n_classes >= 2"),
        ({"x_test": np.zeros((12, 6, 5, 2), dtype=np.uint8)}, "must have one shape"),
    ],
)
def test_data_that_are_not_what_they_say_are_refused(changes, problem):
    with pytest.raises(DataError, match=problem) as caught:
        make_raw(**changes)
    assert str(caught.value).startswith("data set 'small'")
