"""Results and a database that is away: nothing is lost, nothing counts twice."""

from collections.abc import Callable
from typing import Any

import pytest

from search.training.fit import StopRequestedError
from spaces.errors import ArtifactError, StorageError
from storage.records import TrialState
from tests.search.trials.processes import ended_process

AWAY = StorageError("the server is away.", is_transient=True)


def failing(call: Callable[..., Any], *, times: int) -> Callable[..., Any]:
    """Return the call, away for the first times; every second failure comes after the call took effect."""
    left = [times]

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        if left[0] == 0:
            return call(*arguments, **keywords)
        left[0] -= 1
        if left[0] % 2:
            call(*arguments, **keywords)
        raise AWAY

    return wrapped


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("claims", "finish"),
        ("claims", "claim_new"),
        ("claims", "places"),
        ("repository", "mark_told"),
        ("repository", "find_candidate"),
        ("workers", "join"),
        ("optuna_study", "tell_complete"),
    ],
)
def test_outage_at_any_call_costs_nothing_but_time(bench, monkeypatch, part, name):
    worker = bench.worker(trials=3)
    target = getattr(bench, part)
    monkeypatch.setattr(target, name, failing(getattr(target, name), times=2))
    assert worker.run()
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0, 1, 2]
    assert len(bench.evaluator.trained) == 3
    assert all(record.is_told for record in bench.trials())
    assert bench.front()


def test_result_that_waits_for_the_database_is_delivered_at_the_next_start(bench, monkeypatch):
    stops: list[bool] = []
    worker = bench.worker(trials=2, identity=ended_process("a"), should_stop=lambda: bool(stops))

    def away(*_: Any, **__: Any) -> None:
        stops.append(True)
        raise AWAY

    with monkeypatch.context() as patch:
        patch.setattr(bench.claims, "finish", away)
        with pytest.raises(StopRequestedError):
            worker.run()
    assert [record.state for record in bench.trials()] == [TrialState.RUNNING]
    assert len(list(bench.outboxes.glob("*/*.json"))) == 1
    assert bench.worker(trials=2).run()
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0, 1]
    assert len(bench.evaluator.trained) == 2
    assert bench.trials()[0].owner == "a"
    assert bench.kept_models() >= {0, 1}
    assert list(bench.outboxes.glob("*/*.json")) == []


def test_result_that_is_damaged_in_its_file_is_said_and_trained_again(bench, monkeypatch, caplog):
    def die(*_: Any, **__: Any) -> None:
        raise StorageError("the disk is broken.")

    with monkeypatch.context() as patch:
        patch.setattr(bench.claims, "finish", die)
        with pytest.raises(StorageError, match="the disk is broken"):
            bench.worker(trials=2).run()
    (path,) = bench.outboxes.glob("*/*.json")
    path.write_bytes(path.read_bytes()[:-5])
    assert bench.worker(trials=2).run()
    assert "is lost and its trial is trained again" in caplog.text
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0, 1]
    assert len(bench.evaluator.trained) == 3


def test_kept_result_of_a_trial_that_was_taken_over_is_dropped(bench, monkeypatch, caplog):
    def die(*_: Any, **__: Any) -> None:
        raise StorageError("the disk is broken.")

    with monkeypatch.context() as patch:
        patch.setattr(bench.claims, "finish", die)
        with pytest.raises(StorageError):
            bench.worker(trials=2).run()
    own = bench.trials()[0].owner
    assert bench.claims.claim_abandoned(bench.study.id, owner=own, ttl_s=0.0) is not None
    assert bench.worker(trials=2).run()
    assert "a kept result is dropped" in caplog.text
    assert len(bench.evaluator.trained) == 3
    assert list(bench.outboxes.glob("*/*.json")) == []


def test_full_disk_under_the_outbox_is_said_and_the_result_stored(bench, monkeypatch, caplog):
    def fail(*_: Any) -> None:
        raise ArtifactError("it cannot be written: No space left on device.")

    monkeypatch.setattr("search.trials.outbox.replace_file", fail)
    assert bench.worker(trials=2).run()
    assert len(bench.trials(TrialState.COMPLETE)) == 2
    assert "the result of trial 0 is kept in memory alone" in caplog.text


def test_after_an_outage_others_get_time_to_renew_their_leases(bench, monkeypatch):
    worker = bench.worker(trials=2)
    proposal = bench.optuna_study.ask()
    candidate = bench.parts.space.decode(proposal.params)
    bench.claims.claim_new(bench.study.id, number=0, candidate=candidate, seed=0, owner="other", ttl_s=0.0, budget=2)
    monkeypatch.setattr(bench.workers, "join", failing(bench.workers.join, times=1))
    monkeypatch.setattr("search.worker._GRACE_S", 1.0)
    assert worker.run()
    assert bench.evaluator.seeds[1:] == [0]  # its own trial first, the expired one later
