import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from optuna_dashboard import _pareto_front

from dashboards.server import optuna_front
from dashboards.server.optuna_front import front_trials

MIN, MAX = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
THEIRS = _pareto_front._get_pareto_front_trials_nd


def trial(values, state=TrialState.COMPLETE):
    return create_trial(values=values, state=state, params={"x": 0.0}, distributions={"x": FloatDistribution(0, 1)})


@pytest.fixture
def theirs(monkeypatch):
    """Leave the dashboard as it was found."""
    monkeypatch.setattr(_pareto_front, "_get_pareto_front_trials_nd", THEIRS)
    return THEIRS


def test_front_of_trials_worked_out_by_hand():
    trials = [
        trial([0.9, 0.5, 100.0]),
        trial([0.9, 0.5, 200.0]),  # larger than the first, otherwise equal
        trial([0.5, 0.9, 100.0]),
        trial([0.9, 0.5, 100.0]),  # equal to the first: ties stay
        trial(None, TrialState.FAIL),
    ]
    assert front_trials(trials, [MAX, MAX, MIN]) == [trials[0], trials[2], trials[3]]


def test_no_complete_trial_has_an_empty_front():
    assert front_trials([trial(None, TrialState.FAIL)], [MAX, MAX, MIN]) == []


def test_number_of_values_must_be_that_of_the_directions():
    with pytest.raises(ValueError, match="3 values"):
        front_trials([trial([1.0, 2.0])], [MAX, MAX, MIN])


values = st.sampled_from([0.0, 0.25, 0.5, 1.0, float("inf"), -float("inf")])


@given(
    points=st.lists(st.tuples(values, values, values), max_size=25),
    directions=st.lists(st.sampled_from([MIN, MAX]), min_size=3, max_size=3),
)
def test_ours_is_the_same_as_theirs(points, directions):
    trials = [trial(list(point)) for point in points]
    assert front_trials(trials, directions) == THEIRS(trials, directions)


def test_ours_stands_in_the_dashboards_place(theirs):
    assert optuna_front.install()
    assert _pareto_front._get_pareto_front_trials_nd is front_trials
    assert optuna_front.install()  # again does nothing
    rng = np.random.default_rng(0)
    trials = [trial(list(point)) for point in rng.random((60, 3))]
    assert _pareto_front.get_pareto_front_trials(trials, [MAX, MIN, MIN]) == theirs(trials, [MAX, MIN, MIN])


def test_another_version_keeps_its_own_with_a_warning(theirs, monkeypatch, caplog):
    monkeypatch.setattr(optuna_front, "version", lambda _: "0.22.0")
    with caplog.at_level(logging.WARNING):
        assert not optuna_front.install()
    assert _pareto_front._get_pareto_front_trials_nd is theirs
    assert "optuna-dashboard 0.22.0 is not 0.21.0" in caplog.text


def test_changed_signature_is_noticed(theirs, monkeypatch, caplog):
    monkeypatch.setattr(_pareto_front, "_get_pareto_front_trials_nd", lambda trials, directions, constraints: [])
    assert not optuna_front.install()
    assert "has no _get_pareto_front_trials_nd(trials, directions)" in caplog.text
    monkeypatch.delattr(_pareto_front, "_get_pareto_front_trials_nd")
    assert not optuna_front.install()


def test_installed_version_is_the_known_one():
    assert optuna_front.unknown_reason() is None
