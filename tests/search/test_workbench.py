"""What candidates of one topology share."""

import numpy as np

from search.workbench import Workbenches
from tests.search.trained_digits import digits_dataset, digits_spec


def test_workbench_is_built_once_for_each_topology() -> None:
    benches = Workbenches(digits_spec(), digits_dataset())
    half = benches.at({"width": 0.5})
    assert benches.at({"width": 0.5}) is half
    other = benches.at({"width": 0.25})
    assert other is not half
    assert other.network.topology == benches.topology({"width": 0.25}) != half.network.topology


def test_train_examples_are_the_same_every_time_and_of_every_class() -> None:
    examples = Workbenches(digits_spec(), digits_dataset()).train_examples(100)
    again = Workbenches(digits_spec(), digits_dataset()).train_examples(100)
    np.testing.assert_array_equal(again.x, examples.x)
    np.testing.assert_array_equal(again.y, examples.y)
    assert np.bincount(examples.y).min() >= 9


def test_no_more_train_examples_than_there_are() -> None:
    dataset = digits_dataset()
    assert len(Workbenches(digits_spec(), dataset).train_examples(10**6).y) == len(dataset.train)
