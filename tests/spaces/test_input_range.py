import re

import pytest

from spaces.errors import SpecError
from spaces.input_range import check_epsilon, check_epsilons


def test_grey_levels_are_refused_with_the_fraction_that_was_meant():
    message = (
        "robustness.epsilons[4] = 8 must lie in (0, 1], the width of the input range [0, 1]; got 8. Did you mean 8/255?"
    )
    with pytest.raises(SpecError, match=f"^{re.escape(message)}$"):
        check_epsilons([0.5, 0.6, 0.7, 0.9, 8.0], input_range=(0.0, 1.0))


def test_grid_within_the_range_is_taken():
    check_epsilons([1 / 255, 8 / 255, 1.0], input_range=(0.0, 1.0))


def test_width_counts_and_not_the_upper_end():
    check_epsilons([2.0], input_range=(-1.0, 1.0))
    with pytest.raises(SpecError, match=r"must lie in \(0, 2\], the width of the input range \[-1, 1\]; got 3\.$"):
        check_epsilons([3.0], input_range=(-1.0, 1.0))


@pytest.mark.parametrize("epsilon", [256.0, 0.0, -1.0, float("nan")])
def test_no_fraction_is_suggested_where_none_was_meant(epsilon):
    with pytest.raises(SpecError) as caught:
        check_epsilons([epsilon], input_range=(0.0, 1.0))
    assert "Did you mean" not in str(caught.value)


def test_single_radius_is_named_by_its_key():
    with pytest.raises(SpecError, match=r"^training\.adversarial_epsilon = 4 must lie in .* Did you mean 4/255\?$"):
        check_epsilon(4.0, input_range=(0.0, 1.0), key="training.adversarial_epsilon")


def test_standardized_features_without_an_end_take_any_radius():
    check_epsilons([100.0], input_range=(float("-inf"), float("inf")))
