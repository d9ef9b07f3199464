"""Weights in the order in which the C kernels read them; `runtime/nn_kernels.h` describes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.exporters.packing import pack_unsigned

Unsigned = NDArray[np.uint8]  # codes without sign  # [n_inputs, n_channels]

_LANES = 4  # inputs that a kernel takes at once
_BLOCK = {1: 8, 2: 4, 3: 8, 4: 4, 6: 4, 8: 4}  # channels that a kernel computes at once
# Bits -> strings of bytes of a block: first channel, number of channels, lowest bit, bits.
_PARTS = {
    1: ((0, 8, 0, 1),),
    2: ((0, 4, 0, 2),),
    3: ((0, 4, 0, 2), (4, 4, 0, 2), (0, 8, 2, 1)),
    4: ((0, 4, 0, 4),),
    6: ((0, 4, 0, 4), (0, 4, 4, 2)),
    8: ((0, 4, 0, 8),),
}

_WORDS = 3  # hold the codes of `_WORD_CHANNELS` channels and some inputs where bits fill no bytes
_WORD_CHANNELS = 4
_WORD_INPUTS = {3: 8, 6: 4}


@dataclass(frozen=True, slots=True)
class _Piece:
    """`width` bits of a pair of codes, from bit `low` on, in both halves of a word, at bit `at`."""

    pair: int
    low: int
    width: int
    word: int
    at: int


_PIECES = {
    3: (
        *(_Piece(pair=pair, low=0, width=3, word=pair // 5, at=1 + 3 * (pair % 5)) for pair in range(15)),
        *(_Piece(pair=15, low=bit, width=1, word=bit, at=0) for bit in range(3)),
    ),
    6: (
        *(_Piece(pair=pair, low=0, width=6, word=pair // 2, at=4 + 6 * (pair % 2)) for pair in range(6)),
        *(_Piece(pair=6 + odd, low=0, width=4, word=2 * odd, at=0) for odd in range(2)),
        *(_Piece(pair=6 + odd, low=4, width=2, word=1, at=2 * odd) for odd in range(2)),
    ),
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
    n_in_words = len(unsigned) // _WORD_INPUTS[bits] * _WORD_INPUTS[bits] if bits in _PIECES else 0
    words, strings = unsigned[:n_in_words], unsigned[n_in_words:]
    parts = []
    for begin in range(0, n_blocked, block):
        if n_in_words:
            firsts = range(begin, begin + block, _WORD_CHANNELS)
            parts += [_word_bytes(words[:, first : first + _WORD_CHANNELS], bits) for first in firsts]
        for first, count, low, width in _PARTS[bits]:
            channels = slice(begin + first, begin + first + count)
            values: Unsigned = (strings[:, channels] >> np.uint8(low)) & np.uint8((1 << width) - 1)
            parts.append(_part_bytes(values, width))
    return b"".join([*parts, pack_unsigned(unsigned[:, n_blocked:].T, bits)])


def plain_bytes(unsigned: Unsigned, bits: int, *, by_channel: bool) -> bytes:
    """Return codes one after another, by channel or by input."""
    return pack_unsigned(unsigned.T if by_channel else unsigned, bits)


def _word_bytes(values: Unsigned, bits: int) -> bytes:
    """Return words: for every group of inputs, pairs of codes by channel; of 4 inputs, 0 with 2 and 1 with 3."""
    quads = values.T.reshape(_WORD_CHANNELS, -1, _WORD_INPUTS[bits] // 4, 4).astype(np.uint32)
    pairs = quads[..., :2] | quads[..., 2:] << np.uint32(16)  # [channels, n_groups, n_quads, 2]
    by_group = pairs.transpose(1, 0, 2, 3).reshape(pairs.shape[1], -1)
    packed = np.zeros((len(by_group), _WORDS), "<u4")
    for piece in _PIECES[bits]:
        mask = np.uint32(((1 << piece.width) - 1) * 0x00010001)
        packed[:, piece.word] |= (by_group[:, piece.pair] >> np.uint32(piece.low) & mask) << np.uint32(piece.at)
    return packed.tobytes()


def _part_bytes(values: Unsigned, width: int) -> bytes:
    """Return, for every group of inputs, strings with a byte for each: the values of 8 / width channels."""
    per_byte = 8 // width
    n_inputs, n_channels = values.shape
    shifted = values.reshape(n_inputs, n_channels // per_byte, per_byte) << (width * np.arange(per_byte))
    strings = shifted.sum(axis=2).astype(np.uint8)  # [n_inputs, n_strings]
    n_grouped = n_inputs // _LANES * _LANES
    groups = strings[:n_grouped].reshape(-1, _LANES, strings.shape[1]).transpose(0, 2, 1)
    return bytes(groups.tobytes()) + bytes(strings[n_grouped:].T.tobytes())
