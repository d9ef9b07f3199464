from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.errors import SpecError
from spaces.rungs import rung_epochs


@pytest.mark.parametrize(
    ("epochs", "eta", "first_fraction", "rungs"),
    [
        (12, 3, 0.25, (3, 9)),
        (4, 3, 0.25, (1, 3)),
        (27, 3, 0.04, (2, 6, 18)),
        (16, 2, 0.25, (4, 8)),
        (10, 3, 0.25, (3, 9)),  # 2.5 epochs are no rung: the first one after them is
        (30, 3, 0.1, (3, 9, 27)),
        (3, 3, 0.25, (1,)),
        (2, 3, 0.25, (1,)),
        (1, 3, 0.25, ()),
        (4, 3, 0.9, ()),
    ],
)
def test_rungs_worked_by_hand(epochs, eta, first_fraction, rungs):
    assert rung_epochs(epochs, eta=eta, first_fraction=first_fraction) == rungs


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(2, 5), st.floats(0.01, 0.99))
def test_rungs_ascend_between_the_first_fraction_and_the_end(epochs, eta, first_fraction):
    rungs = rung_epochs(epochs, eta=eta, first_fraction=first_fraction)
    assert all(first_fraction * epochs - 1e-6 <= rung < epochs for rung in rungs)
    assert all(later == eta * earlier for earlier, later in pairwise(rungs))
    assert not rungs or rungs[-1] * eta >= epochs


def test_eta_below_two_is_refused():
    with pytest.raises(SpecError, match=r"eta must be an integer >= 2.*got 1\."):
        rung_epochs(12, eta=1, first_fraction=0.25)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(SpecError, match=r"first_fraction must lie in \(0, 1\)"):
        rung_epochs(12, eta=3, first_fraction=fraction)
