"""A trial's parameters and its result in Optuna's tables, written at once."""

from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from search.sampling import open_optuna_storage
from search.trial_writes import long_read, one_transaction, params_at_once, write_result

CHOICES = {f"p{index}": (1, 2, 4) for index in range(5)}


@pytest.fixture(params=["memory", "file"])
def study(request, tmp_path) -> Iterator[optuna.Study]:
    is_file = request.param == "file"
    storage = open_optuna_storage(f"sqlite:///{tmp_path / 'o.db'}") if is_file else optuna.storages.InMemoryStorage()
    yield optuna.create_study(storage=storage, directions=["maximize", "minimize"])
    if is_file:
        storage.engine.dispose()


def suggest(trial: optuna.trial.Trial) -> dict[str, Any]:
    return {name: trial.suggest_categorical(name, choices) for name, choices in CHOICES.items()}


def test_parameters_are_stored_as_suggested(study):
    trial = study.ask()
    with one_transaction(trial.storage), params_at_once(trial):
        params = suggest(trial)
    (stored,) = study.get_trials()
    assert stored.params == trial.params == params
    assert stored.distributions == trial.distributions


def test_parameters_that_a_trial_has_stay(study):
    trial = study.ask()
    first = trial.suggest_categorical("p0", CHOICES["p0"])
    again = optuna.trial.Trial(study, trial._trial_id)
    with one_transaction(trial.storage), params_at_once(again):
        params = suggest(again)
    assert params["p0"] == first
    assert study.get_trials()[0].params == params


def test_nothing_is_stored_where_the_block_raises(tmp_path):
    study = optuna.create_study(storage=open_optuna_storage(f"sqlite:///{tmp_path / 'o.db'}"))
    trial = study.ask()
    storage = trial.storage

    def break_off() -> None:
        with one_transaction(trial.storage), params_at_once(trial):
            suggest(trial)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert study.get_trials()[0].params == {}
    assert trial.storage is storage
    assert study.ask().number == 1  # and writes are again as they were


def test_parameters_of_a_trial_that_another_one_finished_are_refused(tmp_path):
    study = optuna.create_study(storage=open_optuna_storage(f"sqlite:///{tmp_path / 'o.db'}"))
    trial = study.ask()
    study.tell(trial.number, state=TrialState.FAIL)
    with pytest.raises(UpdateFinishedTrialError), one_transaction(trial.storage), params_at_once(trial):
        suggest(trial)


def test_written_result_is_what_optunas_own_tell_writes(study):
    told, written = study.ask(), study.ask()
    told.set_constraint("constraint 0", -0.5)
    told.set_user_attr("reason", "why")
    study.tell(told, values=[0.5, 100.0])
    write_result(
        study._storage,
        written._trial_id,
        TrialState.COMPLETE,
        values=[0.5, 100.0],
        violations=[-0.5],
        reason="why",
    )
    first, second = study.get_trials()
    for name in ("state", "values", "constraints", "user_attrs", "system_attrs"):
        assert getattr(first, name) == getattr(second, name)
    assert second.datetime_complete is not None


def test_finished_trial_keeps_its_result(study):
    trial_id = study.ask()._trial_id
    result: dict[str, Any] = {"violations": [0.0], "reason": None}
    write_result(study._storage, trial_id, TrialState.COMPLETE, values=[0.5, 100.0], **result)
    with pytest.raises(UpdateFinishedTrialError):
        write_result(study._storage, trial_id, TrialState.COMPLETE, values=[0.9, 200.0], **result)
    assert study.get_trials()[0].values == [0.5, 100.0]


@pytest.mark.postgres
def test_history_that_takes_long_to_read_is_read_to_its_end(postgres_server, monkeypatch):
    storage = open_optuna_storage(postgres_server.create_database())
    study = optuna.create_study(storage=storage)
    study.ask()
    build, limits = storage._build_frozen_trial_from_trial_model, []

    def note_limit(trial: Any) -> optuna.trial.FrozenTrial:
        show = "SHOW idle_in_transaction_session_timeout"
        limits.append(storage.scoped_session().connection().exec_driver_sql(show).scalar())
        return build(trial)

    monkeypatch.setattr(storage, "_build_frozen_trial_from_trial_model", note_limit)
    with long_read(study._storage):
        assert len(study.get_trials()) == 1
    study.get_trials()
    assert limits == ["0", "1min"]
    storage.scoped_session.remove()
    storage.engine.dispose()
