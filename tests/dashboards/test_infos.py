"""Infos against numbers worked out by hand."""

import pytest

from dashboards.infos import (
    HypervolumeStep,
    default_chosen,
    hypervolume_info,
    layer_choices_info,
    pareto_front_info,
    robustness_curves_info,
    trial_table_info,
)
from dashboards.snapshot import StudySnapshot
from spaces.errors import SelectionError
from storage.records import TrialState
from tests.dashboards.builders import (
    EPSILONS,
    START,
    TWO,
    edge_cases,
    make_candidate,
    make_measurement,
    make_revision,
    make_snapshot,
    make_study,
    make_trial,
)


def _four_trials() -> StudySnapshot:
    """Two baselines of 900 and 800 bytes, a small trial on the front, one that breaks a constraint."""
    small = make_candidate({"conv": (2, 4, 0.1), "dense": (4, None, 0.05)})
    return make_snapshot(
        [
            make_trial(3, measurement=make_measurement(clean=0.5, size_bytes=100), violated=(0.2,)),
            make_trial(0, measurement=make_measurement(clean=0.9, worst_case=(0.5, 0.3), size_bytes=900)),
            make_trial(1, measurement=make_measurement(clean=0.8, worst_case=(0.7, 0.5), size_bytes=800)),
            make_trial(
                2, measurement=make_measurement(clean=0.7, worst_case=(0.4, 0.2), size_bytes=300), candidate=small
            ),
            make_trial(4, state=TrialState.FAILED, reason="broke"),
        ],
        front=[0, 1, 2],
        study=make_study(constraints=["clean_accuracy >= 0.7"]),
    )


def test_pareto_front_places_every_complete_trial() -> None:
    info = pareto_front_info(_four_trials())
    assert info.title == "Pareto front of tiny: 3 of 4 complete trials"
    assert [objective.name for objective in info.objectives] == ["clean_accuracy", "robust_accuracy", "size_bytes"]
    assert [point.number for point in info.points] == [0, 1, 2, 3]
    assert info.points[2].values == pytest.approx((0.7, 0.3, 300))
    assert [point.is_on_front for point in info.points] == [True, True, True, False]
    assert [point.is_feasible for point in info.points] == [True, True, True, False]
    assert [point.baseline_position for point in info.points] == [0, 1, None, None]
    assert info.note is None
    assert not info.is_synthetic


def test_hover_lines_tell_number_objectives_and_layers() -> None:
    points = pareto_front_info(_four_trials()).points
    assert points[2].hover == (
        "trial 2",
        "clean accuracy: 70.0%",
        "robust accuracy: 30.0%",
        "size: 300 B",
        "conv: W2 A4 JR 0.1",
        "dense: W4 JR 0.05",
    )
    assert points[0].hover[0] == "trial 0 (baseline)"
    assert points[3].hover[0] == "trial 3, infeasible"


def test_layer_choices_are_ordered_by_size() -> None:
    info = layer_choices_info(_four_trials())
    assert info.trial_numbers == (2, 1, 0)
    assert info.sort_objective.name == "size_bytes"
    assert info.sort_values == (300, 800, 900)
    assert info.layers == ("conv", "dense")
    assert info.weight_bits == ((2, 4, 4), (4, 8, 8))
    assert info.activation_bits == ((4, 8, 8), (None, None, None))
    assert info.jr_weight == ((0.1, 0.01, 0.01), (0.05, 0.0, 0.0))


def test_layer_that_a_network_lacks_is_none() -> None:
    short = make_candidate({"conv": (2, 4, 0.1)})
    trials = [make_trial(0, candidate=short), make_trial(1)]
    info = layer_choices_info(make_snapshot(trials, front=[0, 1]))
    assert info.weight_bits == ((2, 4), (None, 8))
    assert info.jr_weight == ((0.1, 0.01), (None, 0.0))


def test_without_size_the_first_objective_orders() -> None:
    trials = [make_trial(n, measurement=make_measurement(clean=clean)) for n, clean in enumerate((0.9, 0.6, 0.7))]
    info = layer_choices_info(make_snapshot(trials, front=[0, 1, 2], study=make_study(objectives=TWO)))
    assert info.sort_objective.name == "clean_accuracy"
    assert info.trial_numbers == (1, 2, 0)


def test_baselines_alone_make_the_reference_line() -> None:
    snapshot = make_snapshot(
        _four_trials().trials, front=[0, 1, 2], revisions=[make_revision(1, 0, 36.0, 1), make_revision(0, None, 0.0, 0)]
    )
    info = hypervolume_info(snapshot)
    assert info.steps[0] == HypervolumeStep(
        revision=0, trial_number=None, fired=(), hypervolume=0.0, front_size=0, time=START
    )
    assert (info.steps[1].trial_number, info.steps[1].hypervolume, info.steps[1].front_size) == (0, 36.0, 1)
    assert info.baseline_numbers == (0, 1)
    # Reference (0, 0, 1000 B): 0.9*0.4*100 + 0.8*0.6*200, less the shared 0.8*0.4*100.
    assert info.baseline_hypervolume == pytest.approx(36 + 96 - 32)


def test_infeasible_baseline_still_counts() -> None:
    trial = make_trial(
        1, measurement=make_measurement(clean=0.5, worst_case=(0.5, 0.3), size_bytes=900), violated=(1.0,)
    )
    info = hypervolume_info(make_snapshot([trial]))
    assert info.baseline_numbers == (1,)
    assert info.baseline_hypervolume == pytest.approx(0.5 * 0.4 * 100)


def test_unmeasured_baselines_have_no_line() -> None:
    info = hypervolume_info(make_snapshot([make_trial(0, state=TrialState.RUNNING), make_trial(2)]))
    assert info.baseline_hypervolume is None
    assert info.note == "the front has no history yet"


def test_curves_start_at_epsilon_zero() -> None:
    measurement = make_measurement(clean=1.0, worst_case=(0.5, 0.0), attack_accuracy={"pgd": (0.5, 0.25)})
    info = robustness_curves_info(make_snapshot([make_trial(0, measurement=measurement)], front=[0]))
    (curve,) = info.curves
    assert info.epsilons == curve.epsilons == (0.0, *EPSILONS)
    assert info.epsilon_labels == ("0", "0.1", "0.2")
    assert info.n_examples == 100
    assert info.attacks == ("pgd",)
    assert curve.worst_case == (1.0, 0.5, 0.0)
    assert curve.lower == pytest.approx((0.9630065, 0.4038315, 0.0))
    assert curve.upper == pytest.approx((1.0, 0.5961685, 0.0369935))
    assert dict(curve.attack_accuracy) == {"pgd": (1.0, 0.5, 0.25)}
    assert curve.is_baseline


def test_default_choice_spreads_over_size_after_the_baselines() -> None:
    trials = [make_trial(n, measurement=make_measurement(size_bytes=100 * n + 1)) for n in range(11)]
    snapshot = make_snapshot(trials, front=range(2, 11))
    assert default_chosen(snapshot) == (0, 1, 2, 4, 6, 8, 10)
    assert default_chosen(snapshot, limit=2) == (0, 1, 2, 10)
    assert default_chosen(make_snapshot(trials, front=[1, 5])) == (0, 1, 5)


def test_chosen_trial_without_measurement_is_left_out() -> None:
    info = robustness_curves_info(_four_trials(), chosen=[2, 4, 2])
    assert [curve.number for curve in info.curves] == [2]
    assert info.left_out == (4,)


def test_unknown_chosen_trial_is_refused() -> None:
    with pytest.raises(SelectionError, match="has no trial 99; it has 5 trials, numbered up to 4"):
        robustness_curves_info(_four_trials(), chosen=[99])


def test_table_rows_follow_size() -> None:
    info = trial_table_info(_four_trials())
    assert [row.number for row in info.rows] == [2, 1, 0]
    row = info.rows[0]
    assert row.values == pytest.approx((0.7, 0.3, 300))
    assert row.worst_case == (0.4, 0.2)
    assert (row.mean_weight_bits, row.mean_activation_bits, row.jr_total) == pytest.approx((3.0, 4.0, 0.15))
    assert [item.is_baseline for item in info.rows] == [False, True, True]


@pytest.mark.parametrize(
    ("case", "front_note"),
    [
        ("empty", "no trials yet"),
        ("failed only", "no trial is complete yet: 3 failed"),
        ("running only", "no trial is complete yet: 1 running"),
        ("all infeasible", "the front is empty: none of 3 complete trials is feasible"),
        ("one trial", None),
    ],
)
def test_note_says_why_the_front_is_not_shown(case: str, front_note: str | None) -> None:
    snapshot = edge_cases()[case]
    assert layer_choices_info(snapshot).note == trial_table_info(snapshot).note == front_note
    assert pareto_front_info(snapshot).note == (None if case == "all infeasible" else front_note)
