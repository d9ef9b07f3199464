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


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def test_four_inputs_of_six_bits_are_three_words() -> None:
    values = np.array([[1, 5, 9, 0b01_0011], [2, 6, 10, 0b10_0101], [3, 7, 11, 0b11_0001], [4, 8, 12, 0]], np.uint8)
    first = 1 << 4 | 2 << 10 | 3 << 20 | 4 << 26 | 0b0011 | 0b0001 << 16
    second = 5 << 4 | 6 << 10 | 7 << 20 | 8 << 26 | 0b01 | 0b11 << 16 | 0b10 << 2
    third = 9 << 4 | 10 << 10 | 11 << 20 | 12 << 26 | 0b0101
    assert convolution_bytes(values, 6) == words(first, second, third)


def test_eight_inputs_of_three_bits_are_three_words_of_four_channels_each() -> None:
    values = np.zeros((8, 8), np.uint8)
    values[:, 0] = [1, 2, 3, 4, 5, 6, 7, 1]
    values[7, 3] = 0b101
    values[0, 5] = 6
    low = 1 << 1 | 3 << 17 | 2 << 4 | 4 << 20 | 5 << 7 | 7 << 23 | 6 << 10 | 1 << 26
    assert convolution_bytes(values, 3) == words(low | 1 << 16, 0, 1 << 16, 6 << 13, 0, 0)


def test_inputs_that_fill_no_words_follow_as_strings() -> None:
    values = np.zeros((5, 4), np.uint8)
    values[4] = 0b01_0011, 0b10_0101, 0, 0b11_1111
    assert convolution_bytes(values, 6) == words(0, 0, 0) + bytes([0x53, 0xF0, 0b11_00_10_01])


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
@pytest.mark.parametrize("n_inputs", [5, 21])
def test_no_bit_is_lost(bits: int, n_inputs: int) -> None:
    values = np.full((n_inputs, 12), 2**bits - 1, np.uint8)
    packed = np.frombuffer(convolution_bytes(values, bits), np.uint8)
    assert int(np.unpackbits(packed).sum()) == n_inputs * 12 * bits
