"""The order of packed weights: strings of a block by hand, and sizes to the byte."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.exporters.c.weight_order import convolution_bytes, plain_bytes, unsigned_codes
from spaces.layer_policy import WEIGHT_BITS


def test_codes_lose_their_sign() -> None:
    assert unsigned_codes(np.array([-1, 1], np.int8), 1).tolist() == [0, 1]
    assert unsigned_codes(np.array([-1, 0, 1], np.int8), 2).tolist() == [1, 2, 3]
    assert unsigned_codes(np.array([-127, 0, 127], np.int8), 8).tolist() == [1, 128, 255]


def test_a_block_of_four_bits_by_hand() -> None:
    # 5 inputs, 4 channels: two strings of bytes, for 4 inputs and for the last one.
    values = np.arange(20, dtype=np.uint8).reshape(5, 4) % 16
    low = [(values[i, 0] | values[i, 1] << 4) for i in range(5)]
    high = [(values[i, 2] | values[i, 3] << 4) for i in range(5)]
    assert convolution_bytes(values, 4) == bytes([*low[:4], *high[:4], low[4], high[4]])


def test_a_block_of_one_bit_has_a_byte_for_each_input() -> None:
    values = np.array([[1, 0, 0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0, 0, 0]], np.uint8)
    assert convolution_bytes(values, 1) == bytes([0b1000_0001, 0b0000_0010])


def test_six_bits_are_four_low_ones_and_two_high_ones() -> None:
    values = np.array([[0b01_0011, 0b10_0101, 0, 0b11_1111]], np.uint8)
    assert convolution_bytes(values, 6) == bytes([0x53, 0xF0, 0b11_00_10_01])


def test_channels_that_fill_no_block_stand_one_after_another() -> None:
    values = np.array([[1, 2], [3, 0], [2, 1]], np.uint8)
    assert convolution_bytes(values, 2) == bytes([0b10_10_11_01, 0b0100])
    assert plain_bytes(values, 2, by_channel=False) == bytes([0b00_11_10_01, 0b0110])


@given(st.sampled_from(WEIGHT_BITS), st.integers(1, 12), st.integers(1, 19))
def test_the_size_is_that_of_all_bits_in_whole_bytes(bits: int, n_inputs: int, n_channels: int) -> None:
    values = np.zeros((n_inputs, n_channels), np.uint8)
    assert len(convolution_bytes(values, bits)) == -(-n_inputs * n_channels * bits // 8)


@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_no_bit_is_lost(bits: int) -> None:
    values = np.full((5, 12), 2**bits - 1, np.uint8)
    packed = np.frombuffer(convolution_bytes(values, bits), np.uint8)
    assert int(np.unpackbits(packed).sum()) == 5 * 12 * bits
