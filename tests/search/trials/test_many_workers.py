"""Several workers of one study: exact budget, takeover, fencing, and what dead ones leave.

A second worker runs inside a call of the first one, which puts it exactly between two of the first one's steps.
"""

import os
import platform
import time
from collections.abc import Callable
from typing import Any

import optuna
import pytest

from search.processes import this_worker
from search.training.fit import StopRequestedError
from search.worker import Worker, trial_seed
from spaces.errors import SetupError
from storage.claims import Claim
from storage.records import TrialState
from storage.workers import WorkerIdentity
from tests.builders import build_failure
from tests.search.trials.processes import ended_process, living_process
from tests.search.worker_bench import Bench, Killed

OTHER = WorkerIdentity(name="other", host=platform.node(), pid=os.getpid(), n_threads=1)


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.worker._POLL_S", 0.01)


def other_worker(bench: Bench, **changes: Any) -> Worker:
    """Return a second worker; the first one's view of the bench stays."""
    optuna_study, parts = bench.optuna_study, bench.parts
    worker = bench.worker(identity=OTHER, **changes)
    bench.optuna_study, bench.parts = optuna_study, parts
    return worker


def once(call: Callable[[], Any]) -> Callable[..., None]:
    called: list[bool] = []

    def run(*_: Any) -> None:
        if not called:
            called.append(True)
            call()

    return run


def take_over(bench: Bench, number: int) -> Claim:
    """Take a trial from the worker that has it, as if that one had been silent for long."""
    # First under the name of its worker, whose heartbeat cannot renew what has a newer epoch.
    owner = bench.repository.trial(bench.study.id, number).owner
    own = bench.claims.claim_abandoned(bench.study.id, owner=owner, ttl_s=60.0)
    assert own is not None
    bench.claims.release(own.lease)
    claim = bench.claims.claim_abandoned(bench.study.id, owner="thief", ttl_s=60.0)
    assert claim is not None
    assert claim.lease.number == number
    return claim


def test_two_workers_share_a_budget_exactly(bench):
    first = bench.worker(trials=4)
    second = other_worker(bench, trials=4, should_stop=lambda: bench.notes.waits != [])

    def run_second() -> None:
        with pytest.raises(StopRequestedError):  # it is asked to stop while it waits for the first one's trial
            second.run()

    bench.evaluator.on_call = once(run_second)
    assert first.run()
    assert bench.notes.waits == [1]
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0, 1, 2, 3]
    assert {record.owner for record in bench.trials()} == {this_worker().name, "other"}
    assert len(bench.evaluator.trained) == 4
    assert all(record.is_told for record in bench.trials())


def test_worker_that_waits_goes_on_when_a_place_comes_free(bench):
    worker = bench.worker(trials=2)
    proposal = bench.optuna_study.ask()
    candidate = bench.parts.space.decode(proposal.params)
    claim = bench.claims.claim_new(
        bench.study.id, number=0, candidate=candidate, seed=1, owner="other", ttl_s=60.0, budget=2
    )
    assert isinstance(claim, Claim)
    waited: list[int] = []

    def waiting(running: int) -> None:
        waited.append(running)
        bench.claims.finish(claim.lease, build_failure())

    bench.notes.waiting = waiting
    assert worker.run()
    assert waited == [1]
    assert [record.state for record in bench.trials()] == [TrialState.FAILED, TrialState.COMPLETE]


def test_proposal_without_a_place_is_void_in_the_end(bench, monkeypatch):
    first = bench.worker(trials=2)
    ask = bench.optuna_study.ask

    def ask_and_be_overtaken() -> Any:
        proposal = ask()
        other_worker(bench, trials=2).run()
        return proposal

    monkeypatch.setattr(bench.optuna_study, "ask", ask_and_be_overtaken)
    assert first.run()
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [1, 2]
    void = bench.optuna_trials()[0]
    assert void.state is optuna.trial.TrialState.FAIL
    assert void.user_attrs["reason"] == "the trial budget had no place left"


def test_kept_proposal_gets_the_next_place(bench, monkeypatch):
    first = bench.worker(trials=2)
    claim_new = bench.claims.claim_new
    taken: list[Claim] = []
    candidate = bench.parts.space.decode(bench.parts.space.baselines()[1])

    def overtaken(study_id: int, **arguments: Any) -> Any:
        if not taken:
            for number in (8, 9):
                other = {"number": number, "owner": "other", "candidate": candidate}
                claim = claim_new(study_id, **{**arguments, **other})
                assert isinstance(claim, Claim)
                taken.append(claim)
        return claim_new(study_id, **arguments)

    monkeypatch.setattr(bench.claims, "claim_new", overtaken)
    refused = build_failure()
    object.__setattr__(refused, "state", TrialState.REFUSED)

    def waiting(_: int) -> None:
        bench.claims.finish(taken[0].lease, refused)
        bench.claims.finish(taken[1].lease, build_failure())

    bench.notes.waiting = waiting
    assert first.run()
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0]


def test_number_of_another_worker_is_left_to_it(bench, monkeypatch):
    first = bench.worker(trials=3)
    claim_new = bench.claims.claim_new
    stolen: list[Any] = []

    def steal_first(study_id: int, **arguments: Any) -> Any:
        if not stolen:
            stolen.append(claim_new(study_id, **{**arguments, "owner": "other"}))
        return claim_new(study_id, **arguments)

    monkeypatch.setattr(bench.claims, "claim_new", steal_first)
    bench.notes.waiting = lambda _: bench.claims.finish(stolen[0].lease, build_failure())
    assert first.run()
    assert [record.state for record in bench.trials()] == [
        TrialState.FAILED,
        TrialState.COMPLETE,
        TrialState.COMPLETE,
    ]


def test_result_of_a_trial_that_was_taken_over_is_dropped(bench, caplog):
    worker, stolen = bench.worker(trials=2), []
    bench.evaluator.on_call = once(lambda: stolen.append(take_over(bench, 0)))
    bench.notes.waiting = lambda _: bench.claims.finish(stolen[0].lease, build_failure("mine"))
    assert worker.run()
    assert [record.reason for record in bench.trials()] == ["mine", None]
    assert "trial 0 was taken over by 'thief'" in caplog.text
    assert list(bench.outboxes.glob("*/*")) == []


def test_training_ends_when_its_lease_is_lost(bench, caplog):
    worker, stolen = bench.worker(trials=2, lease_s=0.3), []

    def lose(_: int) -> None:
        bench.evaluator.lasts_until_stopped = not stolen
        if not stolen:
            stolen.append(take_over(bench, 0))

    bench.evaluator.on_call = lose
    bench.notes.waiting = lambda _: bench.claims.finish(stolen[0].lease, build_failure("mine"))
    assert worker.run()
    assert [record.reason for record in bench.trials()] == ["mine", None]
    assert "trial 0 was taken over by another worker" in caplog.text


def test_lease_is_renewed_while_a_trial_is_trained(bench):
    worker = bench.worker(trials=2, lease_s=0.6)

    def last(_: int) -> None:
        for _ in range(4):
            time.sleep(0.3)
            assert bench.claims.claim_abandoned(bench.study.id, owner="thief", ttl_s=60.0) is None

    bench.evaluator.on_call = once(lambda: last(0))
    assert worker.run()
    assert {record.owner for record in bench.trials()} == {this_worker().name}


def test_trial_of_a_killed_worker_of_this_host_is_taken_over_at_once(bench):
    bench.evaluator.on_call = lambda call: (_ for _ in ()).throw(Killed) if call == 3 else None
    dead = ended_process("dead")
    with pytest.raises(Killed):
        bench.worker(trials=4, identity=dead).run()
    bench.workers.join(bench.study.id, dead, within_s=60.0)  # the good-bye that a killed one would not have said
    (left,) = bench.trials(TrialState.RUNNING)
    assert bench.worker(trials=4).run()
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0, 1, 2, 3]
    again = bench.trials()[left.number]
    assert (again.owner, again.seed) == (this_worker().name, trial_seed(5, left.number))
    assert bench.evaluator.trained[3] == left.candidate
    assert bench.workers.alive(bench.study.id, within_s=60.0) == []


def test_trial_of_a_living_worker_is_left_to_it(bench):
    worker = bench.worker(trials=2)
    proposal = bench.optuna_study.ask()
    living = living_process("living")
    bench.workers.join(bench.study.id, living, within_s=60.0)
    claim = bench.claims.claim_new(
        bench.study.id,
        number=0,
        candidate=bench.parts.space.decode(proposal.params),
        seed=0,
        owner="living",
        ttl_s=60.0,
        budget=2,
    )
    assert isinstance(claim, Claim)
    bench.notes.waiting = lambda _: bench.claims.finish(claim.lease, build_failure("mine"))
    assert worker.run()
    assert [record.owner for record in bench.trials()] == ["living", this_worker().name]


def test_what_optuna_proposed_to_a_worker_that_died_is_taken_up_by_one_that_is_alone(bench):
    bench.worker()
    proposal = bench.optuna_study.ask()
    assert bench.worker(trials=2).run()
    assert [record.number for record in bench.trials()] == [proposal.number, 1]


def test_beside_others_a_proposal_that_nobody_claimed_is_left_alone(bench):
    bench.worker()
    bench.optuna_study.ask()
    bench.workers.join(bench.study.id, living_process("living"), within_s=60.0)
    assert bench.worker(trials=2).run()
    assert [record.number for record in bench.trials()] == [1, 2]


def test_name_of_a_living_worker_is_refused(bench):
    bench.worker()
    bench.workers.join(bench.study.id, living_process("a"), within_s=60.0)
    with pytest.raises(SetupError, match=f"a worker named 'a' runs study 'small' already, as process {os.getppid()}"):
        bench.worker(identity=WorkerIdentity(name="a", host=platform.node(), pid=os.getpid(), n_threads=1)).run()


def test_stop_ends_a_wait(bench):
    worker = bench.worker(trials=2, should_stop=lambda: bench.notes.waits != [])
    for number in (0, 1):
        proposal = bench.optuna_study.ask()
        candidate = bench.parts.space.decode(proposal.params)
        bench.claims.claim_new(
            bench.study.id, number=number, candidate=candidate, seed=0, owner="other", ttl_s=60.0, budget=2
        )
    with pytest.raises(StopRequestedError):
        worker.run()
    assert len(bench.trials(TrialState.RUNNING)) == 2
