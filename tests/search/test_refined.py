"""Mean, spread and front of refined candidates; the objectives are clean and robust accuracy and size."""

import math

import pytest

from search.refined import Spread, refined_groups
from spaces.errors import SearchError
from tests.builders import build_spec
from tests.search.refined_builders import EPOCHS, FIRED, WITHHELD, build_runs, build_trial

SPEC = build_spec()


def test_deviation_has_one_less_in_its_denominator() -> None:
    spread = Spread.of([0.25, 0.5, 0.75])
    assert (spread.mean, spread.minimum, spread.maximum) == (0.5, 0.25, 0.75)
    assert spread.deviation == pytest.approx(math.sqrt((0.0625 + 0 + 0.0625) / 2))
    assert Spread.of([0.5]).deviation is None


@pytest.mark.parametrize("values", [[], [0.5, math.nan]])
def test_spread_of_nothing_or_of_what_is_not_finite_is_refused(values: list[float]) -> None:
    with pytest.raises(SearchError, match="at least one value, all finite"):
        Spread.of(values)


def test_only_runs_of_equal_epochs_and_equally_many_seeds_are_in_a_group() -> None:
    trials = [build_trial(number) for number in range(4)]
    runs = [
        *build_runs(0, [0.5, 0.5]),
        *build_runs(1, [0.25]),
        *build_runs(2, [0.5, 0.75]),
        *build_runs(2, [0.5], epochs=9),
        *build_runs(9, [0.5, 0.5]),
    ]
    groups = refined_groups(trials, runs, SPEC)
    found = [(item.epochs, item.repeats, [member.trial.number for member in item.candidates]) for item in groups]
    assert found == [(EPOCHS, (0, 1), [0, 2]), (EPOCHS, (0,), [1]), (9, (0,), [2])]
    first_seed = refined_groups(trials, runs, SPEC, n_seeds=1)
    assert [(item.epochs, [member.trial.number for member in item.candidates]) for item in first_seed] == [
        (EPOCHS, [0, 1, 2]),
        (9, [2]),
    ]


def test_front_is_that_of_the_means() -> None:
    trials = [build_trial(number) for number in range(4)]
    runs = [
        *build_runs(0, [0.25, 0.75]),  # the best single run, and the same mean as trial 1: ties stay
        *build_runs(1, [0.5, 0.5]),
        *build_runs(2, [0.375, 0.5]),  # a lower mean at the same size
        *build_runs(3, [0.25, 0.25], size_bytes=400),
    ]
    (group,) = refined_groups(trials, runs, SPEC)
    assert group.front == (0, 1, 3)


def test_constraint_is_held_against_the_mean() -> None:
    spec = build_spec(constraints=["robust_accuracy >= 0.5"])
    trials = [build_trial(number) for number in range(2)]
    (group,) = refined_groups(trials, [*build_runs(0, [0.25, 0.75]), *build_runs(1, [0.25, 0.5])], spec)
    assert group.front == (0,)
    (nothing,) = refined_groups(trials, build_runs(1, [0.25, 0.5]), spec)
    assert nothing.front == ()


def test_candidate_with_a_run_that_failed_or_does_not_count_is_not_on_the_front() -> None:
    trials = [build_trial(number) for number in range(4)]
    runs = [
        *build_runs(0, [0.75, None]),
        *build_runs(1, [0.75, 0.75], checks=[WITHHELD]),
        *build_runs(2, [0.25, 0.25], checks=[FIRED]),
        *build_runs(3, [None, None]),
    ]
    (group,) = refined_groups(trials, runs, SPEC)
    failed, withheld, suspect, hopeless = group.candidates
    assert group.front == (2,)
    assert (failed.n_failed, failed.counts, failed.spread("robust_accuracy").mean) == (1, False, 0.75)
    assert (withheld.counts, withheld.is_suspect) == (False, True)
    assert (suspect.counts, suspect.is_suspect) == (True, True)
    assert (hopeless.n_failed, hopeless.measurements) == (2, ())
