import numpy as np
import pytest

from spaces.audit import AttackOutcome, compare, norms_of, surviving, worst_case
from spaces.errors import SearchError
from spaces.norms import Norm
from spaces.statistics import wilson_interval

RIGHT = np.array([True, True, True, False])


def outcome(
    name: str,
    broken: list[list[int]],
    *,
    norm: Norm = Norm.LINF,
    n_examples: int = 4,
    tried: list[list[int]] | None = None,
) -> AttackOutcome:
    return AttackOutcome(
        name=name,
        norm=norm,
        epsilons=(0.1, 0.2),
        n_examples=n_examples,
        tried=np.tile(RIGHT, (2, 1)) if tried is None else np.array(tried, bool),
        broken=np.array(broken, bool),
    )


PGD = outcome("pgd", [[1, 0, 0, 0], [1, 1, 0, 0]])
SQUARE = outcome("square", [[0, 0, 0, 0], [0, 0, 1, 0]], tried=[[0, 1, 1, 0], [0, 0, 1, 0]])
L2 = outcome("pgd", [[0, 0, 0, 0], [1, 0, 0, 0]], norm=Norm.L2)


def test_accuracy_counts_what_withstands() -> None:
    assert PGD.accuracy == (0.5, 0.25)
    assert SQUARE.accuracy == (0.5, 0.0), "on survivors: what was broken before is not counted again"


def test_what_withstands_a_larger_radius_counts_at_the_smaller_one_where_it_was_not_tried() -> None:
    # The second stood at both radii, broke at the larger and withstood the smaller; the third withstood the larger.
    descending = outcome("square", [[0, 0, 0, 0], [0, 1, 0, 0]], tried=[[0, 1, 0, 0], [0, 1, 1, 0]])
    assert descending.standing.tolist() == [[False, True, True, False]] * 2
    assert descending.accuracy == (0.5, 0.25)
    nothing_left = outcome("square", [[0, 0, 0, 0], [0, 0, 0, 0]], tried=[[1, 0, 0, 0], [0, 0, 0, 0]])
    assert nothing_left.accuracy == (0.25, 0.0), "broken before at the larger radius"


def test_accuracy_of_a_slow_attack_refers_to_its_subset() -> None:
    on_two = outcome("zoo", [[0, 0, 0, 0], [0, 1, 0, 0]], n_examples=2, tried=[[0, 1, 0, 0]] * 2)
    assert on_two.accuracy == (0.5, 0.0), "of two examples, one is wrong when clean"


def test_worst_case_is_taken_per_example_and_norm() -> None:
    attacks = [PGD, SQUARE, L2]
    assert norms_of(attacks) == (Norm.LINF, Norm.L2)
    found = worst_case(RIGHT, attacks, Norm.LINF)
    assert found.accuracy == (0.5, 0.0)
    assert found.intervals == (wilson_interval(0.5, 4), wilson_interval(0.0, 4))
    assert worst_case(RIGHT, attacks, Norm.L2).accuracy == (0.75, 0.5)


def test_two_models_compare_on_the_examples_that_one_of_them_keeps() -> None:
    first = surviving(RIGHT, [PGD], Norm.LINF)
    second = surviving(RIGHT, [outcome("pgd", [[0, 0, 0, 0], [0, 0, 1, 0]])], Norm.LINF)
    at_first, at_second = compare(first, second, norm=Norm.LINF, epsilons=(0.1, 0.2))
    assert (at_first.only_first, at_first.only_second, at_first.accuracies) == (0, 1, (0.5, 0.75))
    assert (at_second.only_first, at_second.only_second) == (1, 2)
    assert at_first.p_value == 0.5


def test_other_examples_do_not_compare() -> None:
    with pytest.raises(SearchError, match="equal radii and examples"):
        compare(np.ones((2, 3), bool), np.ones((2, 4), bool), norm=Norm.L2, epsilons=(0.1, 0.2))


def test_median_distance_leaves_out_what_was_not_tried() -> None:
    distances = np.array([0.1, 0.3, np.inf, np.nan], np.float32)
    measured = AttackOutcome(
        name="fmn",
        norm=Norm.L2,
        epsilons=(0.1,),
        n_examples=4,
        tried=RIGHT[None],
        broken=distances[None] <= 0.1,
        distances=distances,
    )
    assert measured.median_distance == pytest.approx(0.3)
    assert PGD.median_distance is None


def test_matrices_of_another_shape_are_refused() -> None:
    with pytest.raises(SearchError, match="one row for each of 2 epsilons"):
        outcome("pgd", [[1, 0, 0, 0]])
