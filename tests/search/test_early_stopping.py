import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.early_stopping import Decision, RungPoint, RungRule, decide, replay
from spaces.errors import SearchError
from spaces.objectives import Constraint, Objective
from spaces.pareto import dominates
from tests.spaces.builders import make_measurement, make_spec

OBJECTIVES = (
    Objective(name="clean_accuracy", reference=0.1),
    Objective(name="robust_accuracy", reference=0.0),
    Objective(name="size_bytes", reference=24000.0),
)
quick = settings(max_examples=40, deadline=None)
orders = st.sampled_from(["hypervolume", "epsilon_net"])


def make_rule(**changes):
    fields = {"objectives": OBJECTIVES, "constraints": (), "eta": 3, "order": "hypervolume"}
    return RungRule(**{**fields, **changes})


def point(number, clean, robust, size, **fields):
    values = {"clean_accuracy": clean, "robust_accuracy": robust, "size_bytes": size}
    return RungPoint(number=number, values=values, **fields)


def places(points, rule):
    """Return the trials' numbers, best first."""
    decision = decide(points[0], points[1:], rule=rule)
    return [standing.point.number for standing in decision.standings]


# Small grids make ties and duplicates common.
def clouds(min_points=1, max_points=9):
    rows = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
    return st.lists(rows, min_size=min_points, max_size=max_points).map(
        lambda rows: [point(n, a / 5, b / 10, 5000.0 * c) for n, (a, b, c) in enumerate(rows)]
    )


floors = st.sampled_from([(), (Constraint.parse("clean_accuracy >= 0.5"), Constraint.parse("size_bytes <= 12000"))])

# What trials of the digits study look like early on: larger ones are a little better, none is dominated.
TEN_OTHERS = [
    point(0, 0.90, 0.30, 20000),
    point(1, 0.89, 0.29, 19000),
    point(2, 0.88, 0.28, 18000),
    point(3, 0.86, 0.27, 16000),
    point(4, 0.85, 0.26, 14000),
    point(5, 0.84, 0.24, 12000),
    point(6, 0.82, 0.22, 10000),
    point(7, 0.80, 0.20, 9000),
    point(8, 0.78, 0.19, 8000),
    point(9, 0.75, 0.18, 7000),
]


@pytest.mark.parametrize("order", ["hypervolume", "epsilon_net"])
@pytest.mark.parametrize("constraints", [(), (Constraint.parse("clean_accuracy >= 0.5"),)])
def test_tiny_network_at_the_level_of_a_guess_is_stopped(order, constraints):
    rule = make_rule(order=order, constraints=constraints)
    decision = decide(point(10, 0.11, 0.02, 1000), TEN_OTHERS, rule=rule)
    assert decision.place == 11
    assert not decision.goes_on


@pytest.mark.parametrize("order", ["hypervolume", "epsilon_net"])
def test_tiny_network_is_stopped_where_one_large_one_dominates_all_others(order):
    # By plain ranks it would be second: nothing but the tiny one escapes the large one.
    others = [point(n, 0.9 - 0.01 * n, 0.3 - 0.01 * n, 9000 + 100 * n) for n in range(10)]
    decision = decide(point(10, 0.11, 0.02, 1000), others, rule=make_rule(order=order))
    assert decision.place == 11
    assert not decision.goes_on


@pytest.mark.parametrize("order", ["hypervolume", "epsilon_net"])
def test_small_network_of_decent_accuracy_goes_on(order):
    decision = decide(point(10, 0.72, 0.17, 3000), TEN_OTHERS, rule=make_rule(order=order))
    assert decision.goes_on
    assert decision.standings[decision.place - 1].rank == 0


@pytest.mark.parametrize("order", ["hypervolume", "epsilon_net"])
def test_network_with_the_best_robustness_is_in_the_first_rank_at_any_size(order):
    decision = decide(point(10, 0.7, 0.5, 30000), TEN_OTHERS, rule=make_rule(order=order))
    assert decision.standings[decision.place - 1].rank == 0


def test_small_network_is_in_the_first_rank_though_no_attack_was_survived():
    others = [
        point(other.number, other.values["clean_accuracy"], 0.0, other.values["size_bytes"]) for other in TEN_OTHERS
    ]
    rule = make_rule()
    assert decide(point(10, 0.72, 0.0, 3000), others, rule=rule).goes_on
    assert not decide(point(10, 0.11, 0.0, 1000), others, rule=rule).goes_on


@pytest.mark.parametrize(("n_others", "goes_on"), [(0, True), (1, True), (2, False)])
def test_all_go_on_while_fewer_than_eta_reached_the_rung(n_others, goes_on):
    better = [point(n, 0.9, 0.5, 1000 + n) for n in range(n_others)]
    assert decide(point(9, 0.5, 0.1, 20000), better, rule=make_rule()).goes_on is goes_on


def test_feasible_point_comes_before_any_infeasible_one():
    rule = make_rule(constraints=(Constraint.parse("clean_accuracy >= 0.5"),))
    assert places([point(0, 0.49, 0.4, 1000), point(1, 0.5, 0.01, 23000)], rule) == [1, 0]


def test_infeasible_points_are_ordered_by_their_violation_in_parts_of_the_bounds():
    rule = make_rule(constraints=(Constraint.parse("clean_accuracy >= 0.5"), Constraint.parse("size_bytes <= 10000")))
    # (0.5 - 0.4) / 0.5 = 0.2; (11000 - 10000) / 10000 = 0.1; both 0.04 + 0.1.
    points = [point(0, 0.4, 0.4, 9000), point(1, 0.6, 0.1, 11000), point(2, 0.48, 0.1, 11000)]
    decision = decide(points[0], points[1:], rule=rule)
    assert [standing.point.number for standing in decision.standings] == [1, 2, 0]
    assert [standing.violation for standing in decision.standings] == pytest.approx([0.1, 0.14, 0.2])


def test_point_whose_robustness_is_not_to_be_trusted_counts_as_infeasible():
    points = [point(0, 0.9, 0.9, 1000, is_withheld=True), point(1, 0.5, 0.1, 20000)]
    assert places(points, make_rule()) == [1, 0]


def test_baseline_goes_on_wherever_it_stands():
    others = [point(n, 0.9, 0.5, 1000) for n in range(2, 9)]
    decision = decide(point(0, 0.2, 0.1, 20000), others, rule=make_rule(exempt=(0, 1)))
    assert decision.place == 8
    assert decision.goes_on
    assert decision.reason == "place 8 of 8 that reached the rung; a baseline always goes on"


def test_reason_names_the_place_and_how_many_go_on():
    decision = decide(point(10, 0.11, 0.02, 1000), TEN_OTHERS, rule=make_rule())
    assert decision.reason == "place 11 of 11 that reached the rung; the best 4 go on"
    first = decide(point(10, 0.11, 0.02, 1000), [], rule=make_rule())
    assert first.reason == "place 1 of 1 that reached the rung; all go on while there are fewer than 3"


def test_older_one_of_two_equal_points_comes_first():
    assert places([point(7, 0.8, 0.2, 5000), point(3, 0.8, 0.2, 5000)], make_rule()) == [3, 7]


def test_objectives_that_are_all_arithmetic_are_ranked_as_they_are():
    rule = make_rule(objectives=(Objective(name="size_bytes", reference=10.0), Objective(name="macs", reference=10.0)))
    points = [RungPoint(number=n, values={"size_bytes": a, "macs": b}) for n, (a, b) in enumerate([(5, 5), (2, 3)])]
    assert places(points, rule) == [1, 0]


@quick
@given(st.integers(1, 13), st.integers(2, 5), orders, st.randoms(use_true_random=False))
def test_of_totally_ordered_points_exactly_the_best_go_on(n, eta, order, random):
    # Better in every objective with a smaller number of steps down.
    steps = list(range(n))
    random.shuffle(steps)
    points = [point(k, 0.9 - 0.01 * step, 0.5 - 0.01 * step, 1000 + 500 * step) for k, step in enumerate(steps)]
    rule = make_rule(eta=eta, order=order)
    going = {p.number for p in points if decide(p, [q for q in points if q is not p], rule=rule).goes_on}
    n_places = n if n < eta else math.ceil(n / eta)
    assert going == {k for k, step in enumerate(steps) if step < n_places}


@quick
@given(clouds(), orders, floors, st.randoms(use_true_random=False))
def test_decision_does_not_depend_on_the_order_of_arrival(points, order, constraints, random):
    rule = make_rule(order=order, constraints=constraints)
    candidate, *others = points
    shuffled = others.copy()
    random.shuffle(shuffled)
    assert decide(candidate, others, rule=rule) == decide(candidate, shuffled, rule=rule)


@quick
@given(clouds(), orders)
def test_all_trials_see_the_same_standings(points, order):
    rule = make_rule(order=order)
    standings = {json.dumps(places([p, *(q for q in points if q is not p)], rule)) for p in points}
    assert len(standings) == 1


@quick
@given(clouds(), orders)
def test_dominated_point_never_comes_before_one_that_dominates_it(points, order):
    rule = make_rule(order=order)
    numbers = places(points, rule)
    losses = rule.losses(points)
    for better, worse in zip(*np.nonzero([[dominates(a, b) for b in losses] for a in losses]), strict=True):
        assert numbers.index(points[better].number) < numbers.index(points[worse].number)


@quick
@given(clouds(), orders, floors)
def test_less_violation_always_comes_first(points, order, constraints):
    rule = make_rule(order=order, constraints=constraints)
    decision = decide(points[0], points[1:], rule=rule)
    violations = [standing.violation for standing in decision.standings]
    assert violations == sorted(violations)
    ranks = [standing.rank for standing in decision.standings]
    assert ranks == sorted(ranks)


@quick
@given(clouds(), orders, floors)
def test_stored_decision_is_replayed_to_the_same(points, order, constraints):
    decision = decide(points[0], points[1:], rule=make_rule(order=order, constraints=constraints, exempt=(5,)))
    measured = {item.number: make_measurement(**item.values) for item in points}
    stored = Decision.from_json(json.loads(json.dumps(decision.to_json(), allow_nan=False)), measured)
    assert stored == decision
    assert replay(stored) == decision


def test_stored_decision_tells_the_outcome_without_this_code():
    stored = decide(point(10, 0.11, 0.02, 1000), TEN_OTHERS, rule=make_rule()).to_json()
    assert (stored["goes_on"], stored["place"], stored["n_places"], stored["version"]) == (False, 11, 4, 2)
    assert stored["reason"] == "place 11 of 11 that reached the rung; the best 4 go on"
    last = dict(zip(stored["columns"], stored["standings"][-1], strict=True))
    assert last == {"number": 10, "rank": 1}


@quick
@given(clouds(3), orders)
def test_order_of_groups_that_the_cut_does_not_touch_is_by_age(points, order):
    decision = decide(points[0], points[1:], rule=make_rule(order=order))
    for rank in {standing.rank for standing in decision.standings}:
        places = [index for index, standing in enumerate(decision.standings) if standing.rank == rank]
        numbers = [decision.standings[index].point.number for index in places]
        assert places[0] < decision.n_places <= places[-1] or numbers == sorted(numbers)


def test_metrics_that_play_no_part_are_not_kept():
    spare = RungPoint(number=3, values={**TEN_OTHERS[3].values, "macs": 5.0})
    decision = decide(spare, TEN_OTHERS[:3], rule=make_rule())
    assert decision == decide(TEN_OTHERS[3], TEN_OTHERS[:3], rule=make_rule())


def test_decision_of_another_version_is_not_replayed():
    decision = decide(TEN_OTHERS[0], [], rule=make_rule())
    with pytest.raises(SearchError, match=r"trial 0 was made by version 1 of the rule; this is version 2\."):
        Decision.from_json(decision.to_json() | {"version": 1}, {})


def test_own_earlier_point_is_replaced():
    decision = decide(point(0, 0.9, 0.3, 5000), [point(0, 0.1, 0.0, 5000), *TEN_OTHERS[1:]], rule=make_rule())
    assert [s.point.values["clean_accuracy"] for s in decision.standings if s.point.number == 0] == [0.9]


def test_trial_given_twice_is_refused():
    with pytest.raises(SearchError, match=r"one point at a rung; got trials \[1, 2, 2\]"):
        decide(TEN_OTHERS[1], [TEN_OTHERS[2], TEN_OTHERS[2]], rule=make_rule())


def test_point_without_a_metric_of_the_rule_is_refused():
    lacking = RungPoint(number=4, values={"clean_accuracy": 0.5, "size_bytes": 10})
    with pytest.raises(SearchError, match="trial 4 lacks robust_accuracy at the rung"):
        decide(TEN_OTHERS[0], [lacking], rule=make_rule())


def test_value_that_is_not_finite_is_refused():
    with pytest.raises(SearchError, match="trial 3: every value at a rung must be finite"):
        point(3, float("nan"), 0.1, 10)


@pytest.mark.parametrize(("field", "value"), [("eta", 1), ("order", "size")])
def test_rule_out_of_range_is_refused(field, value):
    with pytest.raises(SearchError, match=f"got {value!r}"):
        make_rule(**{field: value})


def test_rule_and_points_come_from_a_study():
    spec = make_spec(
        constraints=["macs <= 10"],
        early_stopping={"mode": "rungs", "eta": 2, "attack_examples": 8, "order": "epsilon_net"},
    )
    rule = RungRule.of(spec)
    assert (rule.eta, rule.order, rule.exempt) == (2, "epsilon_net", (0, 1))
    assert rule.metrics == ("clean_accuracy", "size_bytes", "macs")
    measured = RungPoint.of(4, make_measurement(clean_accuracy=0.75, size_bytes=12, macs=9), rule)
    assert measured == RungPoint(number=4, values={"clean_accuracy": 0.75, "size_bytes": 12.0, "macs": 9.0})
    assert rule.violation(measured) == 0
