"""Figures of searches whose volumes are worked out by hand; the reference point is (0, 10)."""

import math

import pytest

from tests.benchmarks.efficiency_curves import Found, Replay, Run, curve, figures
from tests.benchmarks.efficiency_options import OURS, PLAIN

REFERENCE = (0.0, 10.0)


def found(elapsed_s, losses, *, is_feasible=True):
    return Found(elapsed_s=elapsed_s, own_s=elapsed_s / 2, losses=losses, is_feasible=is_feasible)


def run(arm, *items, seed=1, elapsed_s=100.0):
    return Run(arm=arm, seed=seed, found=items, elapsed_s=elapsed_s, own_s=elapsed_s / 2, n_begun=len(items))


def test_volume_grows_with_what_is_feasible_and_not_dominated():
    made = run(
        OURS,
        found(10.0, (-0.5, 8.0)),  # 0.5 * 2
        found(20.0, (-0.9, 1.0), is_feasible=False),
        found(30.0, (-0.4, 9.0)),  # dominated
        found(40.0, (-1.0, 9.0)),  # 0.5 * 1 more
    )
    grown = curve(made, REFERENCE)
    assert (grown.times_s, grown.end_s) == ((10.0, 40.0), 100.0)
    assert grown.volumes == pytest.approx((1.0, 1.5))
    assert [grown.at(time) for time in (0.0, 10.0, 39.0, 99.0)] == pytest.approx([0.0, 1.0, 1.0, 1.5])
    assert [grown.reached(volume) for volume in (0.0, 1.0, 1.2, 2.0)] == [10.0, 10.0, 40.0, math.inf]
    assert curve(made, REFERENCE, own=True).times_s == (5.0, 20.0)


def test_run_that_found_nothing_has_no_volume():
    empty = curve(run(OURS), REFERENCE)
    assert (empty.final, empty.at(50.0), empty.reached(1.0)) == (0.0, 0.0, math.inf)


def test_figures_are_medians_over_seeds():
    runs = []
    for seed, (time_s, accuracy) in enumerate([(20.0, -1.0), (50.0, -0.75), (90.0, -0.5)], start=1):
        runs.append(run(PLAIN, found(60.0, (-0.5, 8.0)), seed=seed))  # volume 1
        runs.append(run(OURS, found(time_s, (accuracy, 8.0)), seed=seed, elapsed_s=110.0))  # volumes 2, 1.5, 1
    assert figures(runs, REFERENCE) == pytest.approx(
        {
            "time_over_plain_optuna": 0.5,
            "hypervolume_gain": 0.5,
            "time_over_plain_optuna_own": 0.5,
            "hypervolume_gain_own": 0.5,
        }
    )


def test_volume_that_is_never_reached_takes_for_ever():
    runs = [run(PLAIN, found(60.0, (-0.5, 8.0))), run(OURS, found(10.0, (-0.5, 9.0)))]
    made = figures(runs, REFERENCE)
    assert made["time_over_plain_optuna"] == math.inf
    assert made["hypervolume_gain"] == pytest.approx(-0.5)


def test_seeds_with_one_arm_alone_do_not_count():
    assert set(figures([run(OURS, found(1.0, (-0.5, 8.0)))], REFERENCE).values()) == {None}


def test_run_reads_back_equal():
    made = run(OURS, found(1.0, (-0.5, 8.0)))
    assert Run.from_json(made.to_json()) == made
    replay = Replay(n_trials=3, n_stopped=1, times_saved=1.5, hypervolume_lost=0.25)
    watched = Run(**{**made.to_json(), "found": made.found, "replay": replay})
    assert Run.from_json(watched.to_json()) == watched
