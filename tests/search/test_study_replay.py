"""What a study stored of its rungs, decided again; figures at the rungs of the bench are those at the end."""

from dataclasses import replace

import pytest

from search.study_replay import replay_decisions, replay_stopping
from spaces.errors import SearchError
from tests.search.worker_bench import EPOCHS, RUNGS, Bench


def run(bench: Bench, *, stopping: str):
    worker = bench.worker(trials=9, stopping=stopping)
    assert worker.run()
    return bench.rungs.rungs(bench.study.id), bench.parts.spec


@pytest.mark.parametrize("stopping", ["rungs", "watch"])
def test_stored_decisions_come_out_again(bench: Bench, stopping: str):
    rungs, spec = run(bench, stopping=stopping)
    found = replay_decisions(rungs, spec)
    assert (found.n_decisions, found.differing) == (len(rungs), ())
    assert len(rungs) >= 9


def test_decision_that_was_changed_is_named(bench: Bench):
    rungs, spec = run(bench, stopping="rungs")
    at = len(rungs) - 1
    number, decision = rungs[at].number, dict(rungs[at].decision)
    raised = [[other, rank + (other == number)] for other, rank in decision["standings"]]
    changed = [
        replace(rungs[at], goes_on=not rungs[at].goes_on),
        replace(rungs[at], decision={**decision, "goes_on": not decision["goes_on"]}),
        replace(rungs[at], decision={**decision, "place": decision["place"] + 1}),
        replace(rungs[at], decision={**decision, "standings": raised}),
        replace(rungs[at], decision={**decision, "standings": decision["standings"][::-1]}),
        replace(rungs[at], decision={**decision, "number": 77}),
        replace(rungs[at], decision={name: value for name, value in decision.items() if name != "rule"}),
    ]
    for record in changed:
        found = replay_decisions([*rungs[:at], record], spec)
        assert found.differing == ((number, record.rung),)


def test_decision_of_another_version_of_the_rule_is_refused(bench: Bench):
    rungs, spec = run(bench, stopping="rungs")
    with pytest.raises(SearchError, match="made by version 0 of the rule"):
        replay_decisions([replace(rungs[0], decision={**rungs[0].decision, "version": 0})], spec)


def test_watched_study_tells_what_its_own_decisions_would_have_saved(bench: Bench):
    rungs, spec = run(bench, stopping="watch")
    found = replay_stopping(bench.trials(), rungs, spec)
    assert found is not None
    # At the first rung nobody is missing yet, so there the replay stops exactly those that the stored decisions would.
    first = {record.number for record in rungs if record.rung == 0 and not record.decision["goes_on"]}
    assert {number for number, epochs in found.stopped.items() if epochs == RUNGS[0]} == first != set()
    assert found.n_trials == 9
    assert found.epochs_full == 9 * EPOCHS
    assert found.epochs_spent == 9 * EPOCHS - sum(EPOCHS - epochs for epochs in found.stopped.values())


def test_study_that_stopped_trainings_cannot_tell_what_it_lost(bench: Bench):
    rungs, spec = run(bench, stopping="rungs")
    assert replay_stopping(bench.trials(), rungs, spec) is None


def test_watched_study_without_finished_trials_tells_nothing(bench: Bench):
    rungs, spec = run(bench, stopping="watch")
    assert replay_stopping([], rungs, spec) is None
    assert replay_stopping(bench.trials(), rungs[:1], spec) is None
