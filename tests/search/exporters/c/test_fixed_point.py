"""Fixed point: multipliers and shifts give the factors back; units hold what is bounded."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.exporters.c.fixed_point import (
    common_multiplier,
    exact_exponent,
    in_units,
    multipliers_and_shifts,
    unit_exponent,
)


@given(st.floats(2.0**-30, 2.0**29), st.sampled_from([1.0, -1.0]))
def test_multiplier_over_shift_is_the_factor_to_31_bits(magnitude: float, sign: float) -> None:
    multipliers, shifts = multipliers_and_shifts(np.array([sign * magnitude]))
    assert 1 <= shifts[0] <= 62
    found = math.ldexp(float(multipliers[0]), -int(shifts[0]))
    assert found == pytest.approx(sign * magnitude, rel=2.0**-29)


def test_factors_at_the_edges_by_hand() -> None:
    multipliers, shifts = multipliers_and_shifts(np.array([1.0, 0.0, 1 - 2.0**-40, 2.0**-80]))
    assert multipliers.tolist() == [2**30, 0, 2**30, 0]
    assert shifts.tolist() == [30, 1, 30, 1]


def test_one_multiplier_serves_powers_of_two_exactly() -> None:
    multiplier, shifts = common_multiplier(0.25, np.array([3, 0, -4]))
    assert multiplier == 2**30
    assert shifts.tolist() == [29, 32, 36]


def test_exponents_of_powers_of_two_alone() -> None:
    assert [exact_exponent(value) for value in (1.0, 0.25, 8.0, 3.0, 1 / 255)] == [0, -2, 3, None, None]


@given(st.floats(1e-6, 1e9))
def test_a_bound_is_below_two_to_the_29_units(bound: float) -> None:
    assert 2**28 <= int(in_units(np.array([bound]), unit_exponent(bound))[0]) <= 2**29
