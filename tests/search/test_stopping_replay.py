import pytest

from search.early_stopping import RungPoint, RungRule
from search.stopping_replay import FinishedTrial, replay_study
from spaces.errors import SearchError
from spaces.objectives import Constraint, Objective

RULE = RungRule(
    objectives=(Objective(name="clean_accuracy", reference=0.0), Objective(name="size_bytes", reference=10.0)),
    constraints=(),
    eta=2,
    order="hypervolume",
)


def trial(number, accuracies, size):
    *at_rungs, final = [
        RungPoint(number=number, values={"clean_accuracy": accuracy, "size_bytes": size}) for accuracy in accuracies
    ]
    return FinishedTrial(at_rungs=tuple(at_rungs), final=final)


def test_replay_worked_by_hand():
    # Equal sizes, so accuracy alone decides. Rung 2: trial 0 is alone; 1 is better than 0; 2 is third of three, of
    # whom two go on; 3 is second of four. Rung 4: 0 alone, 1 first of two, 3 third of three: stopped.
    trials = [
        trial(0, [0.4, 0.5, 0.6], 5.0),
        trial(1, [0.6, 0.7, 0.8], 5.0),
        trial(2, [0.2, 0.3, 0.9], 5.0),
        trial(3, [0.5, 0.4, 0.4], 5.0),
    ]
    found = replay_study(trials, rungs=(2, 4), epochs=8, rule=RULE)
    assert dict(found.stopped) == {2: 2, 3: 4}
    assert (found.epochs_spent, found.epochs_full) == (8 + 8 + 2 + 4, 32)
    assert found.times_saved == pytest.approx(32 / 22)
    # Of the volume 0.9 * 5 of trial 2 the search keeps 0.8 * 5 of trial 1.
    assert (found.hypervolume, found.hypervolume_full) == pytest.approx((4.0, 4.5))
    assert found.hypervolume_lost == pytest.approx(1 / 9)


def test_infeasible_ends_have_no_volume():
    rule = RungRule(
        objectives=RULE.objectives, constraints=(Constraint.parse("clean_accuracy >= 0.7"),), eta=2, order="hypervolume"
    )
    found = replay_study([trial(0, [0.4, 0.6], 5.0)], rungs=(2,), epochs=8, rule=rule)
    assert (found.hypervolume, found.hypervolume_full, found.hypervolume_lost) == (0.0, 0.0, 0.0)


def test_trial_without_a_point_at_every_rung_is_refused():
    with pytest.raises(SearchError, match=r"trial 3 must have a point at each of the 2 rungs; got 1\."):
        replay_study([trial(3, [0.4, 0.6], 5.0)], rungs=(2, 4), epochs=8, rule=RULE)


def test_study_without_trials_is_refused():
    with pytest.raises(SearchError, match="without finished trials"):
        replay_study([], rungs=(2,), epochs=8, rule=RULE)
