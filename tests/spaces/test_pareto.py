from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna._hypervolume import compute_hypervolume
from optuna.study._multi_objective import _fast_non_domination_rank

from spaces.errors import SearchError
from spaces.pareto import (
    contribution_order,
    dominates,
    epsilon_net_order,
    exclusive_volume,
    hypervolume,
    knee,
    non_dominated_mask,
    non_dominated_ranks,
)


def points(*rows):
    return np.array(rows, dtype=float)


# Small integers make ties and duplicates common.
def grids(min_points=0, max_points=12, min_objectives=1, max_objectives=4):
    shapes = st.tuples(st.integers(min_points, max_points), st.integers(min_objectives, max_objectives))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=st.integers(0, 6).map(float)))


quick = settings(max_examples=150, deadline=None)


def test_better_in_one_and_equal_in_the_other_dominates():
    assert dominates(np.array([1.0, 2.0]), np.array([1.0, 3.0]))


def test_equal_points_do_not_dominate_each_other():
    assert not dominates(np.array([1.0, 2.0]), np.array([1.0, 2.0]))


def test_points_that_trade_do_not_dominate_each_other():
    first, second = np.array([1.0, 3.0]), np.array([2.0, 2.0])
    assert not dominates(first, second)
    assert not dominates(second, first)


def test_dominated_point_is_dropped():
    assert non_dominated_mask(points([1, 3], [2, 2], [2, 3], [3, 1])).tolist() == [True, True, False, True]


def test_ties_stay_on_the_front():
    assert non_dominated_mask(points([1, 2], [2, 1], [1, 2])).tolist() == [True, True, True]


def test_equal_in_one_objective_and_worse_in_the_other_is_dropped():
    assert non_dominated_mask(points([1, 2], [1, 3])).tolist() == [True, False]


def test_ranks_worked_by_hand():
    # (1,1) beats all; (2,2) twice, (1,3) and (3,1) are beaten by it alone; (3,3) by everything.
    ranks = non_dominated_ranks(points([3, 3], [2, 2], [1, 3], [1, 1], [3, 1], [2, 2]))
    assert ranks.tolist() == [2, 1, 1, 0, 1, 1]


def test_chain_has_one_rank_each():
    assert non_dominated_ranks(points([4, 4, 4], [1, 1, 1], [3, 3, 3], [2, 2, 2])).tolist() == [3, 0, 2, 1]


def test_ranks_past_the_wanted_number_are_shared():
    assert non_dominated_ranks(points([4, 4], [1, 1], [3, 3], [2, 2]), n_ranks=2).tolist() == [2, 0, 2, 1]


def test_no_points_have_no_ranks():
    assert non_dominated_ranks(np.empty((0, 3))).tolist() == []


@quick
@given(grids(min_points=1))
def test_ranks_agree_with_optuna(rows):
    assert non_dominated_ranks(rows).tolist() == _fast_non_domination_rank(rows).tolist()


@quick
@given(grids())
def test_front_agrees_with_the_definition(rows):
    expected = [not any(dominates(other, point) for other in rows) for point in rows]
    assert non_dominated_mask(rows).tolist() == expected


@quick
@given(grids(), st.randoms(use_true_random=False))
def test_ranks_do_not_depend_on_the_order_of_points(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    assert non_dominated_ranks(rows[order]).tolist() == non_dominated_ranks(rows)[order].tolist()


@quick
@given(grids())
def test_every_later_rank_is_dominated_from_the_rank_before(rows):
    ranks = non_dominated_ranks(rows)
    for point, rank in zip(rows, ranks, strict=True):
        if rank > 0:
            assert any(dominates(other, point) for other in rows[ranks == rank - 1])


def test_two_objectives_worked_by_hand():
    # Columns of the staircase: width 1 each, heights 4-3, 4-2, 4-1.
    assert hypervolume(points([3, 1], [1, 3], [2, 2]), np.array([4.0, 4.0])) == 6.0


def test_three_objectives_worked_by_hand():
    # Boxes 3*2*1 = 6 and 2*3*3 = 18, overlap from (2,2,3): 2*2*1 = 4.
    assert hypervolume(points([1, 2, 3], [2, 1, 1]), np.array([4.0, 4.0, 4.0])) == 20.0


def test_three_boxes_worked_by_hand():
    # 3*3*1 each = 27, each pair overlaps in 3*1*1 = 3, all three in 1: 27 - 9 + 1.
    rows = points([0, 0, 2], [0, 2, 0], [2, 0, 0])
    assert hypervolume(rows, np.array([3.0, 3.0, 3.0])) == 19.0


def test_one_objective_is_the_distance_to_the_reference():
    assert hypervolume(points([3], [1], [2]), np.array([5.0])) == 4.0


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_single_point_is_rounded_like_one_beside_a_dominated_point(n_objectives):
    rng = np.random.default_rng(n_objectives)
    reference = np.ones(n_objectives)
    for point in rng.random((50, n_objectives)):
        alone, beside = point[np.newaxis], np.stack([point, (point + 1) / 2])
        assert hypervolume(alone, reference) == hypervolume(beside, reference)


def test_dominated_and_equal_points_add_nothing():
    rows = points([1, 3], [2, 2], [2, 2], [3, 3], [3, 1])
    assert hypervolume(rows, np.array([4.0, 4.0])) == 6.0


def test_point_on_the_reference_adds_nothing():
    assert hypervolume(points([0, 4], [4, 0], [5, 1]), np.array([4.0, 4.0])) == 0.0


def test_empty_front_has_no_volume():
    assert hypervolume(np.empty((0, 2)), np.array([1.0, 1.0])) == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(SearchError, match="finite"):
        hypervolume(points([0.0, value]), np.array([1.0, 1.0]))


def test_another_number_of_objectives_is_refused():
    with pytest.raises(SearchError, match=r"shape \[n, 3\].*got \(1, 2\)"):
        hypervolume(points([0, 0]), np.ones(3))


@quick
@given(grids(max_points=5, min_objectives=2))
def test_hypervolume_equals_inclusion_and_exclusion(rows):
    reference = np.full(rows.shape[1], 5.0)
    expected = 0.0
    for size in range(1, len(rows) + 1):
        for chosen in combinations(rows, size):
            corner = np.max(chosen, axis=0)
            expected += (-1) ** (size + 1) * np.prod(np.maximum(reference - corner, 0))
    assert hypervolume(rows, reference) == pytest.approx(expected)


@quick
@given(grids(min_objectives=2), st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_another_point_never_lowers_the_hypervolume(rows, extra):
    reference = np.full(rows.shape[1], 5.0)
    more = np.vstack([rows, np.array(extra[: rows.shape[1]], dtype=float)])
    assert hypervolume(more, reference) >= hypervolume(rows, reference)


@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_hypervolume_agrees_with_optuna_on_random_points(n_objectives):
    rng = np.random.default_rng(n_objectives)
    for _ in range(10):
        rows = rng.random((40, n_objectives)) * 1.1
        reference = np.ones(n_objectives)
        inside = rows[np.all(rows < reference, axis=1)]
        assert hypervolume(rows, reference) == pytest.approx(compute_hypervolume(inside, reference), rel=1e-12)


def test_knee_dominates_the_largest_volume_alone():
    # Volumes below the reference (10, 10): 10*1, 7*7, 1*10.
    assert knee(points([0, 9], [3, 3], [9, 0]), np.array([10.0, 10.0])) == 1


def test_knee_does_not_depend_on_units():
    front, reference = points([0, 9], [3, 4], [4, 2], [9, 0]), np.array([10.0, 10.0])
    units = np.array([1000.0, 0.001])
    assert knee(front * units, reference * units) == knee(front, reference) == 2


def test_knee_without_a_point_better_everywhere_takes_the_largest_scaled_gain():
    # Gains (1, 0), (0, 2), (3, 0), scaled by the largest of each: 1/3, 1, 1; the first of equals.
    assert knee(points([3, 4], [4, 2], [1, 5]), np.array([4.0, 4.0])) == 1


def test_empty_front_has_no_knee():
    with pytest.raises(SearchError, match="no knee"):
        knee(np.empty((0, 2)), np.ones(2))


@quick
@given(grids(min_objectives=2), st.integers(1, 7))
def test_knee_of_all_points_lies_on_the_front(rows, corner):
    reference = np.full(rows.shape[1], float(corner))
    if len(rows) and np.any(np.all(rows < reference, axis=1)):
        assert non_dominated_mask(rows)[knee(rows, reference)]


def test_exclusive_volume_worked_by_hand():
    # Of the box of (2, 2) under (4, 4), 4 in all, (1, 3) covers 2 and (3, 1) covers 2, both of them 1.
    assert exclusive_volume(np.array([2.0, 2.0]), points([1, 3], [3, 1]), np.array([4.0, 4.0])) == 1.0


def test_exclusive_volume_of_a_dominated_or_repeated_point_is_zero():
    reference = np.array([4.0, 4.0])
    assert exclusive_volume(np.array([2.0, 3.0]), points([2, 2]), reference) == 0.0
    assert exclusive_volume(np.array([2.0, 2.0]), points([2, 2]), reference) == 0.0


@quick
@given(grids(min_points=1, min_objectives=2))
def test_exclusive_volume_is_what_the_hypervolume_loses(rows):
    reference = np.full(rows.shape[1], 5.0)
    lost = hypervolume(rows, reference) - hypervolume(rows[1:], reference)
    assert exclusive_volume(rows[0], rows[1:], reference) == pytest.approx(lost)


def test_contributions_worked_by_hand():
    # Under (10, 10) the exclusive volumes are 1*1, 3*4, 2*1 and 2*3: the first goes. Then 3*5, 2*1 and 2*3: the third.
    # Of the two that are left the second adds 5*5 and the fourth 2*4.
    rows = points([2, 9], [3, 5], [6, 4], [8, 1])
    assert contribution_order(rows, np.array([10.0, 10.0])).tolist() == [1, 3, 2, 0]


def test_one_of_two_equal_points_keeps_its_place():
    # Each of the equal points adds nothing beside the other, yet one of them is the best of all.
    rows = points([3, 3], [0, 9], [3, 3], [9, 0])
    assert contribution_order(rows, np.array([10.0, 10.0])).tolist() == [0, 1, 3, 2]


def test_points_without_volume_are_ordered_by_their_gains():
    # None beats the reference in the second objective: scaled gains in the first are 1/4, 1 and 1/2.
    rows = points([3, 4], [0, 6], [2, 5])
    assert contribution_order(rows, np.array([4.0, 4.0])).tolist() == [1, 2, 0]


@quick
@given(grids(min_points=1, max_points=8, min_objectives=2))
def test_contribution_order_takes_away_the_least_each_time(rows):
    front, reference = np.unique(rows[non_dominated_mask(rows)], axis=0), np.full(rows.shape[1], 5.0)
    order = contribution_order(front, reference)
    assert sorted(order) == list(range(len(front)))
    for size in range(len(front), 1, -1):
        kept = front[order[:size]]
        volumes = [exclusive_volume(kept[i], np.delete(kept, i, axis=0), reference) for i in range(size)]
        assert volumes[-1] == pytest.approx(min(volumes))


def test_epsilon_net_worked_by_hand():
    # The knee of the five is (4, 4); of the ends, equally far from it, the first; then the other, then the middles.
    rows = points([0, 10], [1, 8], [4, 4], [8, 1], [10, 0])
    assert epsilon_net_order(rows, np.array([11.0, 11.0])).tolist() == [2, 0, 4, 1, 3]


def test_epsilon_net_does_not_depend_on_units():
    rows = points([0, 10], [1, 7], [4, 4], [8, 1], [10, 0])
    units = np.array([1000.0, 0.001])
    order = epsilon_net_order(rows, np.array([11.0, 11.0]))
    assert epsilon_net_order(rows * units, np.array([11.0, 11.0]) * units).tolist() == order.tolist()


@quick
@given(grids(min_points=1, min_objectives=2))
def test_epsilon_net_holds_every_point_once(rows):
    order = epsilon_net_order(rows, np.full(rows.shape[1], 5.0))
    assert sorted(order) == list(range(len(rows)))


@pytest.mark.parametrize("order", [contribution_order, epsilon_net_order])
def test_order_of_no_points_is_empty(order):
    assert order(np.empty((0, 3)), np.ones(3)).tolist() == []
