"""The grid of 8-bit input codes: codes and values by hand, and what old studies have instead of one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.data.input_grid import InputGrid
from search.data.sources import SOURCES
from search.data.splits import split
from spaces.errors import DataError
from tests.search.data.builders import make_raw


def test_codes_and_values_of_an_affine_grid_by_hand() -> None:
    grid = InputGrid(scale=0.5, zero_point=3)
    codes = np.array([0, 3, 5], np.uint8)
    assert grid.values(codes).tolist() == [-1.5, 0.0, 1.0]
    assert grid.codes(np.array([-1.5, 0.2, 1.1, 500.0], np.float32)).tolist() == [0, 3, 5, 255]


def test_pixels_are_codes_of_the_loaders_values() -> None:
    codes = np.arange(256, dtype=np.uint8)
    values = InputGrid(scale=1 / 255).values(codes)
    assert values.tobytes() == (codes.astype(np.float32) / np.float32(255)).tobytes()


def test_a_range_is_widened_to_hold_zero() -> None:
    assert InputGrid.of_range((0.0, 1.0)) == InputGrid(scale=1 / 255)
    assert InputGrid.of_range((0.5, 2.0)) == InputGrid(scale=2 / 255)
    assert InputGrid.of_range((-1.0, 1.0)) == InputGrid(scale=2 / 255, zero_point=128)
    assert InputGrid.of_range((-3.0, -1.0)) == InputGrid(scale=3 / 255, zero_point=255)


@given(st.floats(-300, 300), st.floats(0, 2), st.floats(-3, 3))
def test_codes_stay_between_bounds_that_hold_a_code(middle: float, radius: float, shift: float) -> None:
    grid = InputGrid(scale=1.0, zero_point=128)
    x = np.float32(np.clip(middle, -128, 127))
    low, high = x - np.float32(radius), x + np.float32(radius)
    code = grid.codes_within(np.float32(x + shift), low=low, high=high)
    value = float(grid.values(code))
    if np.ceil(low) <= min(np.floor(high), 127) and low >= -128:
        assert low - 1e-4 <= value <= high + 1e-4


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (-1.0, 0), (float("nan"), 0), (1.0, 256), (1.0, -1)])
def test_an_impossible_grid_is_refused(scale: float, zero_point: int) -> None:
    with pytest.raises(DataError, match="an input grid needs"):
        InputGrid(scale=scale, zero_point=zero_point)


def test_data_know_their_grid_and_a_study_stores_it() -> None:
    grids = {
        "pixels": make_raw(),
        "floats": make_raw(
            x_train=np.ones((60, 6, 4, 2)), x_test=np.ones((12, 6, 4, 2)), input_scale=1.0, input_range=(-1.0, 3.0)
        ),
        "given": make_raw(input_grid=InputGrid(scale=0.25, zero_point=9)),
    }
    expected = {
        "pixels": InputGrid(scale=1 / 255),
        "floats": InputGrid(scale=4 / 255, zero_point=64),
        "given": InputGrid(scale=0.25, zero_point=9),
    }
    assert {name: raw.input_grid for name, raw in grids.items()} == expected
    stored = split(grids["given"], validation_examples=6, attack_examples=3, seed=0).describe()
    assert stored["input_grid"] == {"scale": 0.25, "zero_point": 9}


def test_the_table_of_data_sets_agrees_with_what_they_load() -> None:
    assert SOURCES["digits"].load(None).input_grid == SOURCES["digits"].input_grid
