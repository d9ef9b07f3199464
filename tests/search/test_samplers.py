"""Which sampler draws a trial."""

import optuna
import pytest

from search.sampler_history import SamplerHistory
from search.samplers import GivenParams, NumberedSampler, check_sampler
from spaces.errors import SpecError


def test_given_params_are_proposed_also_where_optuna_knows_other_trials():
    study = optuna.create_study(sampler=GivenParams({"a": 3, "b": 0.5}))
    for value in (1.0, 2.0):
        trial = study.ask()
        assert trial.suggest_categorical("a", (1, 2, 3)) == 3
        assert trial.suggest_categorical("b", (0.0, 0.5)) == 0.5
        study.tell(trial, value)


def test_every_trial_has_a_sampler_of_its_own_made_from_its_number():
    made = []

    def make(number: int) -> optuna.samplers.BaseSampler:
        made.append(number)
        return GivenParams({"a": number, "b": number})

    study = optuna.create_study(sampler=NumberedSampler(make, {}, SamplerHistory()))
    for number in range(3):
        trial = study.ask()
        drawn = [trial.suggest_categorical(name, (0, 1, 2)) for name in ("a", "b")]
        assert drawn == [number, number]
        study.tell(trial, float(number))
    assert made == [0, 1, 2]


def test_unknown_sampler_lists_the_known_ones():
    with pytest.raises(SpecError, match=r"--sampler must be one of tpe, nsga2, random; got 'grid'\."):
        check_sampler("grid")
