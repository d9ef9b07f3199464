"""The door to Optuna, on storages in memory."""

import sqlite3
from itertools import count, product
from typing import Any

import optuna
import pytest
from sqlalchemy.exc import OperationalError

from search.models.topologies import digits_cnn
from search.samplers import SAMPLERS
from search.sampling import FirstTrialUnknownError, OptunaStudy, open_optuna_storage
from spaces.errors import SelectionError, SpecError, StorageError, StudyMismatchError
from spaces.objectives import Objective
from spaces.search_space import SearchSpace
from spaces.spec_files import parse_spec
from storage.sql import server_options

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


def test_baselines_come_first_in_a_study_whose_first_one_was_enqueued_by_an_earlier_version(storage):
    study = optuna.create_study(storage=storage, study_name="small", directions=["maximize", "minimize"])
    study.enqueue_trial({name: value for name, value in BASELINES[0].items() if name.startswith("*.")})
    assert len(study.trials) == 1
    assert run_trials(open_study(storage), 2) == BASELINES


FIRST = [{**BASELINES[0], "*.weight_bits": bits, "*.activation_bits": 3} for bits in (2, 4)]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_first_trials_are_those_that_the_study_begins_with_whoever_asks(storage, sampler):
    studies = [open_study(storage, sampler=sampler) for _ in range(2)]
    for study in studies:
        study.begin_with([*BASELINES, *FIRST])
    proposals = [studies[number % 2].ask() for number in range(5)]
    assert [proposal.params for proposal in proposals[:4]] == [*BASELINES, *FIRST]
    assert stored(storage).trials[3].params == {name: FIRST[1][name] for name in stored(storage).trials[3].params}
    again = open_study(storage, sampler=sampler)
    again.begin_with([*BASELINES, *FIRST])
    assert again.resume(3) == proposals[3]


def test_first_trial_that_is_not_known_yet_is_said_and_is_the_next_one_once_it_is(storage):
    study = open_study(storage, sampler="tpe")
    study.begin_with(BASELINES, more=True)
    run_trials(study, 2)
    for ask in (study.ask, lambda: study.ask_at_random(lambda _: True)):
        with pytest.raises(FirstTrialUnknownError, match="what trial 2 proposes is not known yet"):
            ask()
    third = BASELINES[0] | {"*.weight_bits": 4}
    study.begin_with([*BASELINES, third], more=True)
    proposal = study.ask()
    assert (proposal.number, dict(proposal.params)) == (2, third)
    study.tell_complete(2, (0.5, 1000.0), violations=())  # asks for no first trial
    with pytest.raises(FirstTrialUnknownError, match="trial 3"):
        study.ask()
    study.begin_with([*BASELINES, third])
    assert study.ask().number == 3
    assert len(stored(storage).trials) == 4


def test_first_trial_that_a_killed_worker_did_not_know_is_resumed_as_what_it_is(storage):
    study = open_study(storage)
    study.begin_with(BASELINES, more=True)
    run_trials(study, 2)
    with pytest.raises(FirstTrialUnknownError):
        study.ask()
    again = open_study(storage)
    third = BASELINES[0] | {"*.weight_bits": 4}
    again.begin_with([*BASELINES, third])
    (number,) = again.unfinished()
    assert again.resume(number).params == third


def test_first_trial_is_no_chance_where_others_were_refused(storage):
    study = open_study(storage)
    study.begin_with([*BASELINES, *FIRST])
    assert [study.ask_at_random(lambda _: True).params for _ in range(4)] == [*BASELINES, *FIRST]


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


class Killed(BaseException):
    """Stands for a kill: nothing in the service may catch it."""


@pytest.mark.parametrize("n_before", [2, 12])  # TPE draws the first values one by one, later ones together
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trial_killed_while_its_parameters_were_drawn_gets_those_of_an_untouched_one(monkeypatch, sampler, n_before):
    def killed_after(n_params: int) -> None:
        set_param, numbers = storage.set_trial_param, count()

        def set_or_die(*arguments: Any) -> None:
            if next(numbers) == n_params:
                raise Killed
            set_param(*arguments)

        monkeypatch.setattr(storage, "set_trial_param", set_or_die)
        with pytest.raises(Killed):
            study.ask()
        monkeypatch.undo()

    for seed, n_params in product(range(4), range(3)):
        untouched = open_study(optuna.storages.InMemoryStorage(), sampler=sampler, seed=seed)
        run_trials(untouched, n_before)
        storage = optuna.storages.InMemoryStorage()
        study = open_study(storage, sampler=sampler, seed=seed)
        run_trials(study, n_before)
        killed_after(n_params)
        again = open_study(storage, sampler=sampler, seed=seed)
        (number,) = again.unfinished()
        assert again.resume(number) == untouched.ask()


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


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_workers_that_ask_in_the_same_moment_do_not_propose_the_same(storage, sampler):
    first, second = (open_study(storage, sampler=sampler) for _ in range(2))
    run_trials(first, 2)
    proposals = [study.ask() for _ in range(3) for study in (first, second)]
    assert [proposal.number for proposal in proposals] == list(range(2, 8))
    assert len({tuple(proposal.params.items()) for proposal in proposals}) > 2
    random = [study.ask_at_random(lambda _: True).params for _ in range(3) for study in (first, second)]
    assert len({tuple(params.items()) for params in random}) > 2


def test_trial_that_an_outage_cut_off_while_it_was_asked_for_is_asked_for_again(tmp_path, monkeypatch):
    storage = open_optuna_storage(f"sqlite:///{tmp_path / 'studies.db'}")
    study = open_study(storage)
    expected = open_study(optuna.storages.InMemoryStorage()).ask()
    set_param = storage.set_trial_param
    failures = iter([False, True, False, True])

    def away(*arguments: Any, **keywords: Any) -> None:
        if next(failures, False):
            cause = OperationalError("INSERT", None, sqlite3.OperationalError())
            cause.orig.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise optuna.exceptions.StorageInternalError("An exception is raised during the commit.") from cause
        set_param(*arguments, **keywords)

    monkeypatch.setattr(study._study._storage, "set_trial_param", away)
    for _ in range(2):
        with pytest.raises(StorageError) as raised:
            study.ask()
        assert raised.value.is_transient
    assert study.ask() == expected
    assert len(stored(storage).trials) == 1
    assert study.ask().number == 1


def test_trial_whose_parameters_another_worker_drew_in_the_same_moment_is_proposed_as_it_is_stored(tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    first, second = (open_study(open_optuna_storage(url)) for _ in range(2))
    run_trials(first, 2)
    stored_first = []

    def is_new(_params: object) -> bool:
        stored_first.append(second.resume(2))  # as a worker that starts and finds it begun
        return True

    with pytest.raises(StorageError) as raised:
        first.ask_at_random(is_new)
    assert raised.value.is_transient
    assert [first.ask()] == stored_first
    assert first.ask().number == 3


def test_error_of_optunas_tables_that_does_not_pass_says_so(tmp_path, monkeypatch):
    study = open_study(open_optuna_storage(f"sqlite:///{tmp_path / 'studies.db'}"))

    def broken(*_: Any, **__: Any) -> None:
        raise optuna.exceptions.StorageInternalError("An exception is raised.") from ValueError("nonsense")

    monkeypatch.setattr(study._study._storage, "create_new_trial", broken)
    with pytest.raises(StorageError, match="failed in Optuna's tables: nonsense") as raised:
        study.ask()
    assert not raised.value.is_transient


def test_trial_that_another_worker_tells_at_the_same_time_is_left_to_it(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    first, second = (open_study(open_optuna_storage(url)) for _ in range(2))
    number = first.ask().number
    look_up = first._study._storage.get_trial_id_from_study_id_trial_number

    def look_up_late(*arguments: int) -> int:
        second.tell_complete(number, [0.5, 100.0], violations=[-1.0])
        return look_up(*arguments)

    monkeypatch.setattr(first._study._storage, "get_trial_id_from_study_id_trial_number", look_up_late)
    first.tell_complete(number, [0.9, 200.0], violations=[-2.0])
    (trial,) = stored(open_optuna_storage(url)).trials
    assert trial.values == [0.5, 100.0]
    assert list(trial.constraints.values()) == [-1.0]


def test_trial_that_optuna_does_not_know_is_not_told(storage):
    study = open_study(storage)
    study.tell_failed(99, reason="of a database that was restored")
    assert stored(storage).trials == []


def test_stopped_trial_is_pruned_with_what_it_broke(storage):
    study = open_study(storage)
    number = study.ask().number
    study.tell_stopped(number, reason="place 3 of 3", violations=[-0.25, 0.0])
    (trial,) = stored(storage).trials
    assert trial.state is optuna.trial.TrialState.PRUNED
    assert list(trial.constraints.values()) == [-0.25, 0.0]
    assert trial.user_attrs["reason"] == "place 3 of 3"


def test_server_gets_the_options_of_our_own_connections(monkeypatch):
    given: list[Any] = []
    monkeypatch.setattr("optuna.storages.RDBStorage", lambda url, engine_kwargs: given.append(engine_kwargs))
    open_optuna_storage("postgresql+psycopg://user@host/name")
    assert given == [server_options("postgresql+psycopg://user@host/name")]
    assert given[0]["pool_pre_ping"]


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
