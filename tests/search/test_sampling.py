"""The door to Optuna, on storages in memory."""

from typing import Any

import optuna
import pytest

from search.models.topologies import digits_cnn
from search.sampling import SAMPLERS, OptunaStudy, open_optuna_storage
from spaces.errors import SelectionError, SpecError, StudyMismatchError
from spaces.objectives import Objective
from spaces.search_space import SearchSpace
from spaces.spec_files import parse_spec

RULE = {"match": "*", "tie": True, "weight_bits": [2, 4, 8], "activation_bits": [3, 8], "jr_weight": [0.0, 0.01]}
OBJECTIVES = (Objective(name="clean_accuracy", reference=0.1), Objective(name="size_bytes", reference=12000))
TOPOLOGY = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.25)


def make_space() -> SearchSpace:
    content: dict[str, Any] = {
        "name": "small",
        "data": {"name": "digits"},
        "topology": {"name": "digits_cnn", "width": 0.25},
        "layers": {"rules": [RULE]},
        "robustness": {"epsilons": [0.1]},
        "objectives": [{"name": item.name, "reference": item.reference} for item in OBJECTIVES],
    }
    return SearchSpace(parse_spec(content, source="small.toml"), TOPOLOGY.slots)


SPACE = make_space()
BASELINES = [dict(params) for params in SPACE.baselines()]


def open_study(storage: optuna.storages.BaseStorage, *, sampler: str = "random", **changes: Any) -> OptunaStudy:
    arguments: dict[str, Any] = {"space": SPACE, "objectives": OBJECTIVES, "seed": 7}
    return OptunaStudy(storage, "small", sampler=sampler, **{**arguments, **changes})


@pytest.fixture
def storage() -> optuna.storages.BaseStorage:
    return optuna.storages.InMemoryStorage()


def stored(storage: optuna.storages.BaseStorage) -> optuna.Study:
    return optuna.load_study(study_name="small", storage=storage)


def run_trials(study: OptunaStudy, count: int) -> list[dict[str, Any]]:
    """Ask and tell; the values follow from the parameters."""
    asked = []
    for _ in range(count):
        proposal = study.ask()
        bits = proposal.params["*.weight_bits"]
        study.tell_complete(proposal.number, [bits / 10, 100.0 * bits], violations=[])
        asked.append(dict(proposal.params))
    return asked


def test_objectives_are_named_and_directed(storage):
    open_study(storage)
    assert stored(storage).metric_names == ["clean_accuracy", "size_bytes"]
    assert [direction.name for direction in stored(storage).directions] == ["MAXIMIZE", "MINIMIZE"]


def test_baselines_come_first(storage):
    assert run_trials(open_study(storage), 2) == BASELINES


def test_baselines_come_first_even_if_the_first_process_was_killed_between_them(storage):
    study = optuna.create_study(storage=storage, study_name="small", directions=["maximize", "minimize"])
    study.enqueue_trial({name: value for name, value in BASELINES[0].items() if name.startswith("*.")})
    assert len(study.trials) == 1
    assert run_trials(open_study(storage), 2) == BASELINES


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_seed_gives_the_same_proposals_also_across_a_restart(storage, sampler):
    whole = run_trials(open_study(storage, sampler=sampler), 25)
    other = optuna.storages.InMemoryStorage()
    parts = run_trials(open_study(other, sampler=sampler), 13)
    parts += run_trials(open_study(other, sampler=sampler), 12)
    assert parts == whole
    assert len({tuple(params.items()) for params in whole}) > 5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_other_seed_gives_other_proposals(storage, sampler):
    other = optuna.storages.InMemoryStorage()
    assert run_trials(open_study(storage, sampler=sampler), 12) != run_trials(
        open_study(other, sampler=sampler, seed=8), 12
    )


def test_unknown_sampler_lists_the_known_ones(storage):
    with pytest.raises(SpecError, match=r"--sampler must be one of tpe, nsga2, random; got 'best'"):
        open_study(storage, sampler="best")


def test_foreign_study_with_other_objectives_is_refused(storage):
    optuna.create_study(storage=storage, study_name="small", directions=["minimize", "minimize"])
    with pytest.raises(StudyMismatchError, match="other objectives"):
        open_study(storage)


def test_running_trial_resumes_with_its_parameters(storage):
    study = open_study(storage)
    run_trials(study, 2)
    proposal = study.ask()
    again = open_study(storage)
    assert again.unfinished() == [proposal.number]
    assert again.resume(proposal.number) == proposal


def test_trial_killed_while_its_parameters_were_drawn_gets_the_missing_ones(storage):
    study = open_study(storage)
    run_trials(study, 2)
    half = stored(storage).ask()
    half.suggest_categorical("*.weight_bits", (2, 4, 8))
    proposal = open_study(storage).resume(half.number)
    assert proposal.params["*.weight_bits"] == half.params["*.weight_bits"]
    SPACE.decode(proposal.params)


def test_finished_trial_cannot_be_resumed(storage):
    study = open_study(storage)
    run_trials(study, 1)
    for number in (0, 99):
        with pytest.raises(SelectionError, match=f"trial {number} is not running"):
            study.resume(number)


def test_telling_twice_keeps_the_first_values(storage):
    study = open_study(storage)
    number = study.ask().number
    study.tell_complete(number, [0.5, 100.0], violations=[-1.0])
    study.tell_complete(number, [0.9, 200.0], violations=[-1.0])
    study.tell_failed(number, reason="late")
    assert stored(storage).trials[0].values == [0.5, 100.0]


def test_random_proposal_is_a_new_one(storage):
    study = open_study(storage)
    seen = run_trials(study, 2)
    for _ in range(10):
        proposal = study.ask_at_random(lambda params: params not in seen)
        study.tell_failed(proposal.number, reason="")
        assert proposal.params not in seen
        seen.append(dict(proposal.params))
    assert len(seen) == 12
    assert study.ask_at_random(lambda params: params not in seen).params in seen


def test_refused_trials_are_infeasible_or_void(storage):
    study = open_study(storage)
    for number, violations in ((0, [5.0, 0.0]), (1, [])):
        assert study.ask().number == number
        study.tell_refused(number, reason="too large", violations=violations)
    infeasible, void = stored(storage).trials
    assert infeasible.state is optuna.trial.TrialState.PRUNED
    assert list(infeasible.constraints.values()) == [5.0, 0.0]
    assert void.state is optuna.trial.TrialState.FAIL
    assert infeasible.user_attrs["reason"] == "too large"


def test_storage_beside_our_tables_keeps_the_study(tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    run_trials(open_study(open_optuna_storage(url)), 2)
    assert [trial.values for trial in stored(open_optuna_storage(url)).trials] == [[0.8, 800.0]] * 2
