"""Real numbers as 32-bit integers with a power-of-two unit, the way the C kernels multiply and shift them."""

import math

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

HEADROOM_BITS = 29  # sums stay below 2^29 units, so that no addition of them can overflow
_MANTISSA_BITS = 31
_MOST_SHIFT = 62


def unit_exponent(bound: float) -> int:
    """Return the exponent of the smallest power of two in whose units a magnitude stays below 2^29."""
    return math.frexp(bound)[1] - HEADROOM_BITS


def exact_exponent(value: float) -> int | None:
    """Return the exponent of a power of two; None where the value is none."""
    mantissa, exponent = math.frexp(value)
    return exponent - 1 if mantissa == 0.5 else None


def multipliers_and_shifts(factors: Reals) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return m and s with m / 2^s nearest to each factor of magnitude up to 2^29; s is 1 to 62.  # [n] each"""
    mantissas, exponents = np.frexp(factors)
    multipliers = np.rint(np.ldexp(mantissas, _MANTISSA_BITS)).astype(np.int64)
    shifts = _MANTISSA_BITS - exponents.astype(np.int64)
    # A mantissa that was rounded up to 1 does not fit; one so small that its shift is out of reach loses bits.
    carried = np.abs(multipliers) == 1 << _MANTISSA_BITS
    multipliers, shifts = np.where(carried, multipliers // 2, multipliers), shifts - carried
    excess = np.clip(shifts - _MOST_SHIFT, 0, _MANTISSA_BITS)
    multipliers, shifts = np.where(excess > 0, multipliers >> excess, multipliers), np.minimum(shifts, _MOST_SHIFT)
    shifts = np.where(multipliers == 0, 1, shifts)
    return multipliers.astype(np.int32), shifts.astype(np.int8)


def common_multiplier(scale: float, exponents: NDArray[np.int64]) -> tuple[int, NDArray[np.int8]]:
    """Return one m and shifts s [n] with m / 2^s nearest to scale * 2^exponent; exact where scale is a power of two."""
    mantissas, _ = multipliers_and_shifts(np.array([scale]))
    _, shifts = multipliers_and_shifts(np.ldexp(scale, exponents))
    return int(mantissas[0]), shifts


def in_units(values: Reals, exponent: int) -> NDArray[np.int32]:
    """Return values in units of 2^exponent, to the nearest."""
    units: NDArray[np.int32] = np.rint(np.ldexp(values, -exponent)).astype(np.int32)
    return units
