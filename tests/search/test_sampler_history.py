"""What a sampler sees of a long history."""

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from search import sampler_history
from search.sampler_history import SamplerHistory

CHOICES = {"bits": CategoricalDistribution((2, 4, 8))}


def finished(accuracy: float, size: float, *, violation: float = 0.0) -> optuna.trial.FrozenTrial:
    constraints = {"constraint 0": violation}
    return create_trial(values=[accuracy, size], params={"bits": 4}, distributions=CHOICES, constraints=constraints)


def numbers_seen(study: optuna.Study, history: SamplerHistory) -> list[int]:
    study._thread_local.cached_all_trials = None  # as every ask begins
    return [trial.number for trial in history.of(study)._get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]


def test_short_history_is_seen_whole():
    study = optuna.create_study(directions=["maximize", "minimize"])
    for step in range(3):
        study.add_trial(finished(0.5, 100.0 - step))
    assert numbers_seen(study, SamplerHistory()) == [0, 1, 2]


def test_of_a_long_history_the_feasible_front_and_the_latest_trials_are_seen(monkeypatch):
    monkeypatch.setattr(sampler_history, "_LATEST", 2)
    study = optuna.create_study(directions=["maximize", "minimize"])
    history = SamplerHistory()
    for trial in (
        finished(0.9, 100.0),
        finished(0.8, 100.0),  # dominated
        finished(0.99, 10.0, violation=0.1),
        finished(0.5, 20.0),
        finished(0.1, 90.0),
        finished(0.1, 95.0),
    ):
        study.add_trial(trial)
    assert numbers_seen(study, history) == [0, 3, 4, 5]
    study.add_trial(finished(0.95, 20.0))  # dominates all of the front
    study.add_trial(finished(0.1, 90.0))
    study.add_trial(finished(0.1, 90.0))
    assert numbers_seen(study, history) == [6, 7, 8]


def test_the_rest_of_the_study_is_as_it_is():
    study = optuna.create_study(directions=["maximize", "minimize"])
    assert SamplerHistory().of(study).directions == study.directions
