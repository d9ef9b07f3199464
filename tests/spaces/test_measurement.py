import json

import pytest

from spaces.errors import TrialError
from spaces.measurement import Measurement
from tests.spaces.builders import make_measurement


def test_json_round_trip_gives_an_equal_measurement():
    measurement = make_measurement()
    assert Measurement.from_json(json.loads(json.dumps(measurement.to_json()))) == measurement


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01])
@pytest.mark.parametrize("name", ["clean_accuracy", "robust_accuracy", "subset_clean_accuracy"])
def test_accuracy_that_is_no_fraction_is_refused(name, value):
    with pytest.raises(TrialError, match="finite fraction"):
        make_measurement(**{name: value})


def test_not_a_number_inside_the_worst_case_is_refused():
    with pytest.raises(TrialError, match="finite fraction"):
        make_measurement(worst_case=(0.6, float("nan")))


def test_not_a_number_inside_an_attack_is_refused():
    with pytest.raises(TrialError, match="finite fraction"):
        make_measurement(attack_accuracy={"pgd": (0.6, float("nan"))})


def test_one_worst_case_for_every_epsilon():
    with pytest.raises(TrialError, match="2 epsilons but 1 worst-case"):
        make_measurement(worst_case=(0.6,))
