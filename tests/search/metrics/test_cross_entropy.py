"""Cross-entropies worked out by hand."""

import math

import numpy as np
import pytest

from search.metrics.cross_entropy import cross_entropy


def test_guess_costs_the_logarithm_of_the_number_of_classes():
    assert cross_entropy(np.zeros((3, 10), np.float32), np.array([0, 4, 9])) == pytest.approx(math.log(10))


def test_mean_over_examples_of_the_logarithm_of_the_probability():
    logits = np.log(np.array([[0.25, 0.75], [0.5, 0.5]], np.float32))
    expected = -(math.log(0.75) + math.log(0.5)) / 2
    assert cross_entropy(logits, np.array([1, 0])) == pytest.approx(expected)


def test_large_logits_do_not_overflow_and_a_shift_changes_nothing():
    logits = np.array([[1000.0, 998.0]], np.float32)
    expected = math.log1p(math.exp(-2.0))
    assert cross_entropy(logits, np.array([0])) == pytest.approx(expected)
    assert cross_entropy(logits - 1000, np.array([0])) == pytest.approx(expected)
