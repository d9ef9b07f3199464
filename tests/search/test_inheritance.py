"""Two starts of a candidate, on a network whose loss is its weight."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from search.inheritance import KeptModel, StartChoice, choose_start

GOOD, BAD = {"w": np.array([0.25], np.float32)}, {"w": np.array([1.5], np.float32)}


class FakeNetwork:
    """Holds one weight."""

    def __init__(self) -> None:
        self.weights: Mapping[str, Any] = {}

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        self.weights = weights


def choose(*, parent: Mapping[str, Any], kept: Mapping[str, Any]) -> tuple[StartChoice, Mapping[str, Any]]:
    network: Any = FakeNetwork()
    model = KeptModel(number=7, distance=1.5, weights=kept)
    choice = choose_start(network, parent=parent, kept=model, loss=lambda: float(network.weights["w"][0]))
    return choice, network.weights


def test_start_with_the_lower_loss_is_left_in_the_network() -> None:
    choice, weights = choose(parent=BAD, kept=GOOD)
    assert (choice.inherits, weights) == (True, GOOD)
    choice, weights = choose(parent=GOOD, kept=BAD)
    assert (choice.inherits, weights) == (False, GOOD)


def test_parent_is_taken_where_both_are_equally_good() -> None:
    choice, _ = choose(parent=GOOD, kept=dict(GOOD))
    assert not choice.inherits


def test_details_tell_which_start_was_taken_and_both_losses() -> None:
    choice, _ = choose(parent=BAD, kept=GOOD)
    expected = {"taken": "trial 7", "nearest": 7, "distance": 1.5, "parent_loss": 1.5, "kept_loss": 0.25}
    assert choice.to_json() == expected
    choice, _ = choose(parent=GOOD, kept=BAD)
    assert choice.to_json()["taken"] == "parent"
