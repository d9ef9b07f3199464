"""Rank correlations against values worked out by hand and an independent implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from dashboards.infos import importance_info
from dashboards.infos.importance import rank_correlation
from tests.dashboards.builders import make_candidate, make_measurement, make_snapshot, make_trial


def _study(n_trials: int = 10):
    """More bits of the convolution, more accuracy and less size; nothing else varies."""
    bits = (2, 3, 4, 6, 8)
    return make_snapshot(
        [
            make_trial(
                n,
                candidate=make_candidate({"conv": (bits[n % 5], 8, 0.01), "dense": (8, None, 0.0)}),
                measurement=make_measurement(clean=0.1 * bits[n % 5], size_bytes=900 - 10 * bits[n % 5]),
            )
            for n in range(n_trials)
        ]
    )


def test_choice_that_decides_has_rank_correlation_one() -> None:
    info = importance_info(_study())
    clean, robust, size = info.correlations
    assert info.layers == ("conv", "dense")
    assert clean[0] == (pytest.approx(1.0), None, None)
    assert size[0] == (pytest.approx(-1.0), None, None)
    assert robust[0] == (None, None, None)
    assert info.noise == pytest.approx(1.96 / 3)


def test_few_trials_say_nothing() -> None:
    assert importance_info(_study(7)).note == "needs 8 complete trials; there are 7"


def test_missing_values_are_left_out() -> None:
    first = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, np.nan])
    second = np.array([8.0, 7, 6, 5, 4, 3, 2, 1, 100])
    assert rank_correlation(first, second) == pytest.approx(-1.0)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=8, max_size=40))
def test_rank_correlation_equals_scipys(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    ours = rank_correlation(first, second)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        assert ours is None
    else:
        assert ours == pytest.approx(spearmanr(first, second).statistic)
