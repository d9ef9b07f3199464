"""Weights in the order in which the C kernels read them; `runtime/nn_kernels.h` describes it."""

import numpy as np
from numpy.typing import NDArray

from search.exporters.packing import pack_unsigned

Unsigned = NDArray[np.uint8]  # codes without sign  # [n_inputs, n_channels]

_LANES = 4  # inputs that a kernel takes at once
_BLOCK = {1: 8, 2: 4, 3: 8, 4: 4, 6: 4, 8: 4}  # channels that a kernel computes at once
# Bits -> parts of a block: first channel, number of channels, lowest bit, bits.
_PARTS = {
    1: ((0, 8, 0, 1),),
    2: ((0, 4, 0, 2),),
    3: ((0, 4, 0, 2), (4, 4, 0, 2), (0, 8, 2, 1)),
    4: ((0, 4, 0, 4),),
    6: ((0, 4, 0, 4), (0, 4, 4, 2)),
    8: ((0, 4, 0, 8),),
}


def unsigned_codes(codes: NDArray[np.int8], bits: int) -> Unsigned:
    """Return codes without sign: w + 2^(bits-1), of one bit (w + 1) / 2."""
    wide = codes.astype(np.int16)
    unsigned: Unsigned = ((wide + 1) // 2 if bits == 1 else wide + (1 << (bits - 1))).astype(np.uint8)
    return unsigned


def convolution_bytes(unsigned: Unsigned, bits: int) -> bytes:
    """Return the kernel of a convolution or dense layer: blocks of channels, then the channels that fill none."""
    block = _BLOCK[bits]
    n_blocked = unsigned.shape[1] // block * block
    parts = []
    for begin in range(0, n_blocked, block):
        for first, count, low, width in _PARTS[bits]:
            channels = slice(begin + first, begin + first + count)
            values: Unsigned = (unsigned[:, channels] >> np.uint8(low)) & np.uint8((1 << width) - 1)
            parts.append(_part_bytes(values, width))
    return b"".join([*parts, pack_unsigned(unsigned[:, n_blocked:].T, bits)])


def plain_bytes(unsigned: Unsigned, bits: int, *, by_channel: bool) -> bytes:
    """Return codes one after another, by channel or by input."""
    return pack_unsigned(unsigned.T if by_channel else unsigned, bits)


def _part_bytes(values: Unsigned, width: int) -> bytes:
    """Return, for every group of inputs, strings with a byte for each: the values of 8 / width channels."""
    per_byte = 8 // width
    n_inputs, n_channels = values.shape
    shifted = values.reshape(n_inputs, n_channels // per_byte, per_byte) << (width * np.arange(per_byte))
    strings = shifted.sum(axis=2).astype(np.uint8)  # [n_inputs, n_strings]
    n_grouped = n_inputs // _LANES * _LANES
    groups = strings[:n_grouped].reshape(-1, _LANES, strings.shape[1]).transpose(0, 2, 1)
    return bytes(groups.tobytes()) + bytes(strings[n_grouped:].T.tobytes())
