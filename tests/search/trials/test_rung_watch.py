"""Trials at rungs: stopped, watched, and taken up again by another worker.

Figures at the rungs are those at the end, so who is stopped follows from the candidates; rungs come after 2 and 6 of 8
epochs.
"""

from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from search.early_stopping import Decision, RungPoint, RungRule, decide, replay
from spaces.errors import ArtifactError, FencedError
from storage.records import TrialState
from tests.builders import build_failure
from tests.search.trials.processes import ended_process
from tests.search.worker_bench import EPOCHS, RUNGS, Bench, Killed


def kill_at(bench: Bench, *, call: int, epochs: int) -> None:
    """Let the given training be killed after its arrival at a rung."""

    def at(reached: int) -> None:
        if (len(bench.evaluator.trained), reached) == (call, epochs):
            raise Killed

    bench.evaluator.at = at


def run_killed(bench: Bench) -> None:
    """Run a worker until it is killed, and leave the database as a real kill would."""
    dead = ended_process("dead")
    with pytest.raises(Killed):
        bench.worker(identity=dead, trials=3, stopping="watch").run()
    bench.workers.join(bench.study.id, dead, within_s=60.0)
    bench.evaluator.at = lambda _: None


def checkpoints(bench: Bench) -> set[str]:
    records = bench.rungs.rungs(bench.study.id)
    return {digest for record in records for digest in record.checkpoints.values()}


def test_trials_that_fall_behind_are_stopped_counted_and_told(bench):
    assert bench.worker(trials=9, stopping="rungs").run()
    stopped = bench.trials(TrialState.STOPPED)
    assert stopped
    assert len(bench.trials(TrialState.COMPLETE)) + len(stopped) == len(bench.evaluator.trained) == 9
    for record in stopped:
        rungs = bench.rungs.rungs(bench.study.id, number=record.number)
        assert [rung.goes_on for rung in rungs] == [True] * (len(rungs) - 1) + [False]
        reason = rungs[-1].decision["reason"]
        assert record.reason == f"stopped after {RUNGS[rungs[-1].rung]} of {EPOCHS} epochs: {reason}"
        assert record.details["curve"][-1]["epoch"] == RUNGS[rungs[-1].rung]
        assert record.details["violations"] == [0.0]  # no constraints; last: is the score withheld
        assert record.details["sampler"] == "random"
        told = bench.optuna_trials()[record.number]
        assert told.state is optuna.trial.TrialState.PRUNED
        assert list(told.constraints.values()) == [0.0]
        assert not bench.repository.artifacts(bench.study.id, record.number)
    assert bench.front().isdisjoint({record.number for record in stopped})
    assert not {0, 1} & {record.number for record in stopped}


def test_stored_decisions_are_those_of_the_rule_and_can_be_replayed(bench):
    bench.worker(trials=9, stopping="rungs").run()
    rule = RungRule.of(bench.parts.spec)
    arrived: dict[int, list[RungPoint]] = {0: [], 1: []}
    for record in bench.rungs.rungs(bench.study.id):
        point = RungPoint.of(record.number, record.measurement, rule)
        expected = decide(point, arrived[record.rung], rule=rule)
        measured = bench.rungs.measured_at(bench.study.id, record.rung)
        assert Decision.from_json(record.decision, measured) == replay(expected) == expected
        assert record.goes_on == expected.goes_on
        assert record.measurement.epochs == RUNGS[record.rung]
        arrived[record.rung].append(point)


def test_checkpoints_of_finished_trials_are_gone(bench):
    seen: list[int] = []
    bench.evaluator.at = lambda _: seen.append(len(checkpoints(bench)))
    bench.worker(trials=6, stopping="rungs").run()
    assert max(seen) == 2
    assert checkpoints(bench) == set()
    assert bench.kept_models() == bench.front() | {0, 1}  # and no other file is there


def test_watched_trials_are_decided_about_and_all_go_on(bench):
    assert bench.worker(trials=9, stopping="watch").run()
    assert len(bench.trials(TrialState.COMPLETE)) == 9
    records = bench.rungs.rungs(bench.study.id)
    assert len(records) == 9 * len(RUNGS)
    assert all(record.goes_on for record in records)
    assert not all(record.decision["goes_on"] for record in records)


def test_training_that_a_dead_worker_left_goes_on_from_its_newest_rung(bench):
    for call, epochs in ((3, RUNGS[0]), (4, RUNGS[1])):
        kill_at(bench, call=call, epochs=epochs)
        run_killed(bench)
    assert bench.worker(trials=3, stopping="watch").run()
    assert bench.evaluator.starts == [0, 0, 0, RUNGS[0], RUNGS[1]]
    assert len({candidate.fingerprint for candidate in bench.evaluator.trained[2:]}) == 1
    assert [record.rung for record in bench.rungs.rungs(bench.study.id, number=2)] == [0, 1]
    assert checkpoints(bench) == set()


@pytest.mark.parametrize(("damaged", "start"), [([1], RUNGS[0]), ([0, 1], 0)])
def test_damaged_checkpoint_is_said_and_the_one_before_it_taken(bench, caplog, damaged, start):
    kill_at(bench, call=3, epochs=RUNGS[1])
    run_killed(bench)
    before = bench.rungs.rungs(bench.study.id, number=2)
    for rung in damaged:
        (digest,) = before[rung].checkpoints.values()
        path = bench.artifacts.path(digest)
        path.write_bytes(path.read_bytes()[:-10])
    assert bench.worker(trials=3, stopping="watch").run()
    assert bench.evaluator.starts[-1] == start
    assert caplog.text.count("trial 2 cannot go on from rung") == len(damaged)
    after = bench.rungs.rungs(bench.study.id, number=2)
    assert [(item.measurement, item.decision) for item in after] == [
        (item.measurement, item.decision) for item in before
    ]
    assert bench.trials()[2].state is TrialState.COMPLETE


def test_decision_to_stop_that_was_stored_before_a_kill_stands(bench, monkeypatch):
    worker = bench.worker(trials=9, identity=ended_process("dead"), stopping="rungs")
    finish = bench.claims.finish

    def die_when_stopped(lease: Any, outcome: Any, **arguments: Any) -> Any:
        if outcome.state is TrialState.STOPPED:
            raise Killed
        return finish(lease, outcome, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(bench.claims, "finish", die_when_stopped)
        with pytest.raises(Killed):
            worker.run()
    (left,) = bench.trials(TrialState.RUNNING)
    for path in bench.outboxes.glob("*/*.json"):  # as if it had come no further than the decision
        path.unlink()
    bench.workers.join(bench.study.id, ended_process("dead"), within_s=60.0)
    n_trained = len(bench.evaluator.trained)
    bench.worker(trials=left.number + 1, stopping="rungs").run()
    assert bench.trials()[left.number].state is TrialState.STOPPED
    assert len(bench.evaluator.trained) == n_trained


def test_kill_beside_a_checkpoint_leaves_no_file_though_the_others_have_got_better(bench, monkeypatch):
    put = bench.artifacts.put

    def put_and_die(content: bytes) -> str:
        put(content)
        if len(bench.evaluator.trained) == 3:
            raise Killed
        return put(content)

    with monkeypatch.context() as patch:
        patch.setattr(bench.artifacts, "put", put_and_die)
        run_killed(bench)
    stop = SimpleNamespace(goes_on=False, to_json=lambda: {"reason": "the others have got better"})
    with monkeypatch.context() as patch:
        patch.setattr("search.trials.rung_watch.decide", lambda *_, **__: stop)
        assert bench.worker(trials=3, stopping="rungs").run()
    assert [record.goes_on for record in bench.rungs.rungs(bench.study.id, number=2)] == [True, False]
    assert bench.trials()[2].state is TrialState.STOPPED
    assert bench.kept_models() == {0, 1}  # and no other file is there


def test_checkpoint_of_a_worker_that_is_late_is_removed(bench, monkeypatch):
    keep = bench.rungs.keep_checkpoints

    def keep_late(lease: Any, rung: int, checkpoints: Any) -> None:
        if lease.number == 2:
            bench.claims.finish(lease, build_failure("by another worker"), artifacts={})
            raise FencedError("trial 2 was taken over.")
        keep(lease, rung, checkpoints)

    monkeypatch.setattr(bench.rungs, "keep_checkpoints", keep_late)
    assert bench.worker(trials=3, stopping="watch").run()
    assert bench.trials()[2].state is TrialState.FAILED
    assert bench.kept_models() == {0, 1}  # and no other file is there


def test_checkpoint_that_cannot_be_stored_gives_its_trial_back(bench, monkeypatch):
    put = bench.artifacts.put

    def put_or_fail(content: bytes) -> str:
        if len(bench.evaluator.trained) == 2:
            raise ArtifactError("no space left.")
        return put(content)

    monkeypatch.setattr(bench.artifacts, "put", put_or_fail)
    with pytest.raises(ArtifactError, match="no space left"):
        bench.worker(trials=3, stopping="watch").run()
    assert bench.worker(trials=3, stopping="watch").run()
    assert [record.state for record in bench.trials()] == [TrialState.COMPLETE] * 3


def test_study_without_rungs_stores_none(bench):
    bench.worker(trials=3).run()
    assert bench.rungs.rungs(bench.study.id) == []
