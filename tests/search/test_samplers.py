"""Which sampler draws a trial."""

import optuna
import pytest

from search.sampler_history import SamplerHistory
from search.samplers import GivenParams, NumberedSampler, RememberingTPESampler, check_sampler
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


def test_tpe_that_remembers_draws_what_optunas_draws():
    directions = ["maximize", "minimize"]
    choices = {f"p{index}": (1, 2, 4, 8) for index in range(3)}
    distributions = {name: optuna.distributions.CategoricalDistribution(each) for name, each in choices.items()}
    options = {"n_startup_trials": 5, "multivariate": True, "constant_liar": True}

    def run(make) -> list[dict[str, int]]:
        history = SamplerHistory()
        study = optuna.create_study(directions=directions)
        drawn = []
        for _ in range(30):
            study.sampler = NumberedSampler(make, distributions, history)
            trial = study.ask()
            drawn.append({name: trial.suggest_categorical(name, each) for name, each in choices.items()})
            if trial.number % 4 == 1:  # one that runs on beside the others
                continue
            bits = drawn[-1]
            study.tell(trial, [bits["p0"] / bits["p1"], float(sum(bits.values()))])
        return drawn

    ours = run(lambda number: RememberingTPESampler(seed=number, **options))
    optunas = run(lambda number: optuna.samplers.TPESampler(seed=number, **options))
    assert ours == optunas
