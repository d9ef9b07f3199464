"""The grid of 8-bit codes on which a device holds an input: what code stands for what value in input units."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.errors import DataError

_LEVELS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class InputGrid:
    """Codes q in 0..255 stand for (q - zero_point) * scale in input units, the same for every element.

    Signed 8-bit features are stored as q = feature + 128. The zero point is a whole code, since padding puts exact
    zeros beside the input.

    Attributes:
        scale: step between neighbouring codes, in input units.
        zero_point: the code of 0.
    """

    scale: float
    zero_point: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0 and 0 <= self.zero_point < _LEVELS):
            raise DataError(
                f"an input grid needs scale > 0 and a zero_point in 0..{_LEVELS - 1}; "
                f"got scale {self.scale:g} and zero_point {self.zero_point}."
            )

    @classmethod
    def of_range(cls, input_range: tuple[float, float]) -> "InputGrid":
        """Return 256 steps over a range, which is widened to hold 0; its zero point is rounded to a code."""
        low, high = min(input_range[0], 0.0), max(input_range[1], 0.0)
        scale = (high - low) / (_LEVELS - 1)
        return cls(scale=scale, zero_point=round(-low / scale))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"scale": self.scale, "zero_point": self.zero_point}

    def codes(self, x: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the nearest codes of values in input units, like x."""
        nearest = np.rint(np.asarray(x, np.float64) / self.scale) + self.zero_point
        codes: NDArray[np.uint8] = np.clip(nearest, 0, _LEVELS - 1).astype(np.uint8)
        return codes

    def values(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the values of codes in input units, as a loader gives them."""
        return to_inputs(codes.astype(np.int16) - self.zero_point, self.scale)

    def codes_within(
        self, x: NDArray[np.float32], *, low: NDArray[np.float32], high: NDArray[np.float32]
    ) -> NDArray[np.uint8]:
        """Return the codes nearest to x among those whose values lie in [low, high], element by element.

        Where no code's value lies between the bounds, the nearest code of x stands.
        """
        tolerance = 1e-6  # of a step: float32 bounds around values of the grid
        lowest = np.ceil(np.asarray(low, np.float64) / self.scale - tolerance) + self.zero_point
        highest = np.floor(np.asarray(high, np.float64) / self.scale + tolerance) + self.zero_point
        nearest = self.codes(x)
        inside = np.clip(nearest, np.clip(lowest, 0, _LEVELS - 1), np.clip(highest, 0, _LEVELS - 1))
        codes: NDArray[np.uint8] = np.where(lowest <= highest, inside, nearest).astype(np.uint8)
        return codes


def to_inputs(raw: NDArray[np.generic], scale: float) -> NDArray[np.float32]:
    """Return raw values times the scale as a new float32 array.

    Where the scale is 1/k, the value is divided by k: pixel 51 becomes float32(51/255) exactly, which a product with
    the rounded 1/255 does not always give.
    """
    values: NDArray[np.float32] = raw.astype(np.float32)
    divisor = round(1 / scale)
    if divisor >= 1 and np.isclose(divisor * scale, 1.0, rtol=1e-9, atol=0.0):
        values /= np.float32(divisor)
    else:
        values *= np.float32(scale)
    return values
