import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from spaces.errors import SpecError
from spaces.statistics import mcnemar_mid_p, wilson_interval

COUNTS = st.integers(0, 300)


@pytest.mark.parametrize(
    ("fraction", "n_examples", "lower", "upper"),
    [
        # At 0 of n the upper end is z^2 / (n + z^2); 81 of 263 and 15 of 148 are Newcombe (1998), table I, method 3.
        (0.0, 100, 0.0, 3.841459 / 103.841459),
        (1.0, 100, 100 / 103.841459, 1.0),
        (0.5, 100, 0.4038315, 0.5961685),
        (81 / 263, 263, 0.2553, 0.3662),
        (15 / 148, 148, 0.0624, 0.1605),
    ],
)
def test_wilson_interval_has_the_published_ends(fraction: float, n_examples: int, lower: float, upper: float) -> None:
    assert wilson_interval(fraction, n_examples) == pytest.approx((lower, upper), abs=5e-5)


@given(n=st.integers(1, 2000), data=st.data())
def test_wilson_interval_agrees_with_scipy(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson_interval(successes / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_interval_of_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="at least one example"):
        wilson_interval(0.5, 0)


def test_mid_p_worked_out_by_hand() -> None:
    # n = 6, smaller 1: 2 (1 + 6) / 64 - 6 / 64 = 8 / 64.
    assert mcnemar_mid_p(5, 1) == 8 / 64
    # n = 4, equal: 2 (1 + 4 + 6) / 16 - 6 / 16 = 1.
    assert mcnemar_mid_p(2, 2) == 1.0
    assert mcnemar_mid_p(0, 0) == 1.0
    # Fagerland, Lydersen and Laake (2013), table 1: 1 against 7 discordant pairs, exact 0.070, mid-p 0.039.
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.039, abs=5e-4)


@given(first=COUNTS, second=COUNTS)
def test_mid_p_is_the_exact_binomial_test_less_the_observed_count(first: int, second: int) -> None:
    n = first + second
    p_value = mcnemar_mid_p(first, second)
    assert p_value == mcnemar_mid_p(second, first)
    if n and first != second:
        observed = math.comb(n, first) / 2**n
        assert p_value == pytest.approx(binomtest(first, n).pvalue - observed, abs=1e-9)
    else:
        assert p_value == 1.0


def test_negative_counts_are_refused() -> None:
    with pytest.raises(SpecError, match=">= 0"):
        mcnemar_mid_p(-1, 2)
