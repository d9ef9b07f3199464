"""The trial loop on a space of 12 candidates, with an evaluator that trains nothing and counts its calls."""

from typing import Any

import optuna
import pytest

from search.metrics.cost import candidate_cost
from search.processes import this_worker
from search.training.fit import StopRequestedError
from search.trials.leftovers import remove_models
from search.worker import trial_seed
from spaces.candidate import Candidate
from spaces.errors import ArtifactError, SpecError, TrialError
from storage.claims import Lease
from storage.records import TrialState
from tests.search.worker_bench import METRICS, SPACE_SIZE, TIED, TOPOLOGY, Killed


def bits_and_terms(candidate: Candidate) -> set[tuple[int, int | None, float]]:
    return {(policy.weight_bits, policy.activation_bits, policy.jr_weight) for policy in candidate.policies.values()}


def test_first_two_trials_are_the_widest_bits_without_and_with_jacobian_terms(bench):
    bench.worker(trials=2).run()
    without, with_terms = (bits_and_terms(candidate) for candidate in bench.evaluator.trained)
    assert without == {(8, 8, 0.0), (8, None, 0.0)}
    assert with_terms == {(8, 8, 0.01), (8, None, 0.01)}


def test_budget_counts_what_was_trained_and_the_front_is_that_of_all_results(bench):
    assert bench.worker(trials=6).run()
    assert len(bench.trials(TrialState.COMPLETE)) == len(bench.evaluator.trained) == 6
    assert bench.front()


def test_trial_seeds_follow_from_the_study_seed_and_the_number(bench):
    bench.worker(trials=6).run()
    complete = bench.trials(TrialState.COMPLETE)
    assert [record.seed for record in complete] == [trial_seed(5, record.number) for record in complete]
    assert [record.measurement.seed for record in complete] == bench.evaluator.seeds
    assert len({trial_seed(seed, number) for seed in range(20) for number in range(20)}) == 400


def test_candidate_over_the_size_limit_is_refused_before_training(bench):
    # At 8 bits the weights alone take 612 bytes, at 4 bits half of it.
    bench.worker(trials=9, constraints=["size_bytes <= 800"]).run()
    refused = [record for record in bench.trials(TrialState.REFUSED) if "by arithmetic" in record.reason]
    assert refused
    for record in refused:
        assert {policy.weight_bits for policy in record.candidate.policies.values()} == {8}
        assert "size_bytes <= 800" in record.reason
        assert f"size_bytes = {candidate_cost(TOPOLOGY, record.candidate).size_bytes}" in record.reason
        assert record.candidate not in bench.evaluator.trained
        assert bench.optuna_trials()[record.number].state is optuna.trial.TrialState.PRUNED


def test_baselines_are_trained_even_if_too_large_but_stay_off_the_front(bench):
    bench.worker(trials=4, constraints=["size_bytes <= 800"]).run()
    assert [record.state for record in bench.trials()[:2]] == [TrialState.COMPLETE] * 2
    assert not any(record.is_feasible for record in bench.trials()[:2])
    assert bench.front().isdisjoint({0, 1})


def test_study_of_a_small_space_ends_well_when_every_candidate_was_trained_once(bench):
    assert bench.worker(trials=50).run()
    fingerprints = [candidate.fingerprint for candidate in bench.evaluator.trained]
    assert len(fingerprints) == len(set(fingerprints)) == SPACE_SIZE
    (standing,) = bench.notes.exhausted
    assert (standing.trained, standing.budget) == (SPACE_SIZE, 50)
    repetitions = bench.trials(TrialState.REFUSED)
    assert all(record.reason.startswith("the same candidate as trial ") for record in repetitions)
    assert {bench.optuna_trials()[record.number].state for record in repetitions} <= {optuna.trial.TrialState.FAIL}


def test_exhausted_study_ends_well_again_when_it_is_launched_again(bench):
    bench.worker(trials=50).run()
    assert bench.worker(trials=60).run()
    assert len(bench.evaluator.trained) == SPACE_SIZE


def test_space_of_one_candidate_ends_well(bench):
    only = {"match": "*", "tie": True, "weight_bits": 4, "activation_bits": 8, "jr_weight": 0.0}
    assert bench.worker(trials=5, rule=only).run()
    assert len(bench.evaluator.trained) == 1


def test_limit_that_no_candidate_meets_is_an_error(bench):
    with pytest.raises(SpecError, match=r"each of the 12 candidates .* breaks a constraint .*'size_bytes <= 10'"):
        bench.worker(trials=5, constraints=["size_bytes <= 10"]).run()
    assert len(bench.evaluator.trained) == 2


def test_limit_that_nothing_in_a_large_space_meets_is_an_error_too(bench, monkeypatch):
    monkeypatch.setattr("search.trials.proposer._MAX_REFUSALS", 40)
    free = {**TIED, "tie": False}
    with pytest.raises(SpecError, match=r"40 proposals in a row were refused; widen .*'size_bytes <= 10'"):
        bench.worker(trials=5, constraints=["size_bytes <= 10"], rule=free).run()
    assert len(bench.evaluator.trained) == 2


def test_failed_trial_is_recorded_with_its_reason_and_the_study_goes_on(bench):
    def fail_third(call: int) -> None:
        if call == 3:
            raise TrialError("the loss is not finite")

    bench.evaluator.on_call = fail_third
    assert bench.worker(trials=5).run()
    (failed,) = bench.trials(TrialState.FAILED)
    assert failed.reason == "the loss is not finite"
    assert failed.measurement is None
    assert len(bench.trials(TrialState.COMPLETE)) == 4
    told = bench.optuna_trials()[failed.number]
    assert told.state is optuna.trial.TrialState.FAIL
    assert told.user_attrs["reason"] == "the loss is not finite"


def test_unexpected_error_passes_and_the_trial_is_trained_again_as_it_was(bench):
    def break_fourth(call: int) -> None:
        if call == 4:
            raise ZeroDivisionError

    bench.evaluator.on_call = break_fourth
    with pytest.raises(ZeroDivisionError):
        bench.worker(trials=6).run()
    (left,) = bench.trials(TrialState.RUNNING)
    bench.evaluator.on_call = lambda _: None
    assert bench.worker(trials=6).run()
    again = bench.trials()[left.number]
    assert again.state is TrialState.COMPLETE
    assert (again.candidate, again.seed) == (left.candidate, left.seed)
    assert bench.evaluator.trained[4] == bench.evaluator.trained[3] == left.candidate
    assert len(bench.trials(TrialState.COMPLETE)) == 6


def test_result_is_recorded_before_optuna_hears_of_it_and_is_told_later(bench, monkeypatch):
    def die(*arguments: Any, **keywords: Any) -> None:
        raise Killed

    worker = bench.worker(trials=4)
    with monkeypatch.context() as patch:
        patch.setattr(bench.optuna_study, "tell_complete", die)
        with pytest.raises(Killed):
            worker.run()
    (record,) = bench.trials()
    assert (record.state, record.is_told) == (TrialState.COMPLETE, False)
    assert bench.optuna_trials()[0].state is optuna.trial.TrialState.RUNNING

    bench.worker(trials=4).run()
    assert bench.optuna_trials()[0].values == [record.measurement.metric(name) for name in METRICS]
    assert len(bench.evaluator.trained) == 4
    assert all(trial.is_told for trial in bench.trials())


def test_kill_between_tell_and_mark_is_made_good(bench, monkeypatch):
    def die(*arguments: Any, **keywords: Any) -> None:
        raise Killed

    worker = bench.worker(trials=4)
    with monkeypatch.context() as patch:
        patch.setattr(bench.repository, "mark_told", die)
        with pytest.raises(Killed):
            worker.run()
    bench.worker(trials=4).run()
    assert all(trial.is_told for trial in bench.trials())
    assert len(bench.evaluator.trained) == 4


def test_optuna_has_named_objectives_with_directions_and_our_values(bench):
    bench.worker(trials=6, constraints=["clean_accuracy >= 0.4"]).run()
    study = optuna.load_study(study_name="small", storage=bench.optuna_storage)
    assert study.metric_names == list(METRICS)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE", "MINIMIZE"]
    for record in bench.trials(TrialState.COMPLETE):
        told = study.trials[record.number]
        assert told.values == [record.measurement.metric(name) for name in METRICS]
        assert list(told.constraints.values()) == [*record.violations, 0.0]  # last: is the score withheld


def test_only_models_of_the_front_and_of_baselines_are_kept(bench):
    bench.worker(trials=10).run()
    assert bench.kept_models() == bench.front() | {0, 1}
    assert len(bench.kept_models()) < 10


def test_models_that_a_killed_worker_did_not_remove_are_removed_at_the_next_start(bench, monkeypatch):
    def remove_or_die(parts: Any, number: int) -> None:
        if bench.kept_models() - bench.front() - {0, 1}:
            raise Killed
        remove_models(parts, number)

    worker = bench.worker(trials=10)
    with monkeypatch.context() as patch:
        patch.setattr("search.trials.settling.remove_models", remove_or_die)
        with pytest.raises(Killed):
            worker.run()
    n_trained = len(bench.trials(TrialState.COMPLETE))
    assert bench.kept_models() > bench.front() | {0, 1}
    bench.worker(trials=n_trained).run()
    assert len(bench.evaluator.trained) == n_trained
    assert bench.kept_models() == bench.front() | {0, 1}


def test_all_models_are_kept_on_demand(bench):
    bench.worker(trials=8, keep_all=True).run()
    assert bench.kept_models() == {record.number for record in bench.trials(TrialState.COMPLETE)}


def test_failed_trial_leaves_no_model(bench):
    def fail(call: int) -> None:
        raise TrialError("no")

    bench.evaluator.on_call = fail
    bench.worker(trials=3).run()
    assert bench.kept_models() == set()
    assert bench.front() == set()


def test_larger_budget_goes_on_and_a_smaller_one_trains_nothing(bench):
    bench.worker(trials=4).run()
    before = bench.trials()
    assert bench.worker(trials=3).run()
    assert bench.trials() == before
    bench.worker(trials=6).run()
    assert len(bench.evaluator.trained) == len(bench.trials(TrialState.COMPLETE)) == 6


def test_wish_to_stop_is_granted_between_trials(bench):
    worker = bench.worker(trials=6, should_stop=lambda: len(bench.evaluator.trained) == 3)
    assert not worker.run()
    assert len(bench.trials()) == 3


def test_a_trial_whose_lease_ran_out_is_taken_over_with_its_seed(bench):
    worker = bench.worker(trials=2)
    proposal = bench.optuna_study.ask()
    candidate = bench.parts.space.decode(proposal.params)
    bench.claims.claim_new(
        bench.study.id, number=0, candidate=candidate, seed=77, owner="elsewhere:1", ttl_s=0.0, budget=2
    )
    assert worker.run()
    assert bench.trials()[0].owner == this_worker().name
    assert bench.evaluator.seeds[0] == 77


def test_running_trials_beyond_the_budget_are_left_for_a_larger_one(bench):
    assert bench.worker(trials=2).run()
    bench.optuna_study.ask()
    assert bench.worker(trials=2).run()
    assert len(bench.trials()) == 2
    assert bench.worker(trials=3).run()
    assert [record.number for record in bench.trials(TrialState.COMPLETE)] == [0, 1, 2]


def test_every_trial_records_versions_and_sampler(bench):
    bench.worker(trials=2).run()
    assert all(record.details["sampler"] == "random" for record in bench.trials())
    assert all(record.details["versions"] == {"optuna": "5"} for record in bench.trials())


def test_stop_gives_the_running_trial_back_at_once(bench):
    bench.evaluator.lasts_until_stopped = True
    with pytest.raises(StopRequestedError):
        bench.worker(should_stop=lambda: len(bench.evaluator.trained) == 1).run()
    claim = bench.claims.claim_abandoned(bench.study.id, owner="elsewhere:1", ttl_s=60.0)
    assert claim is not None
    assert claim.lease == Lease(study_id=bench.study.id, number=0, epoch=2)
    assert list(bench.outboxes.glob("*/*")) == []


def test_worker_is_entered_and_says_good_bye(bench):
    alive: list[Any] = []
    bench.evaluator.on_call = lambda _: alive.extend(bench.workers.alive(bench.study.id, within_s=60.0))
    bench.worker(trials=2).run()
    assert {record.identity.name for record in alive} == {this_worker().name}
    assert bench.workers.alive(bench.study.id, within_s=60.0) == []


def test_model_that_cannot_be_stored_gives_its_trial_back_and_ends_the_worker(bench, monkeypatch):
    put = bench.artifacts.put

    def put_or_fail(content: Any) -> str:
        if len(bench.evaluator.trained) == 3:
            raise ArtifactError("12 bytes cannot be stored in artifacts: No space left on device.")
        return put(content)

    monkeypatch.setattr(bench.artifacts, "put", put_or_fail)
    with pytest.raises(ArtifactError, match="No space left on device"):
        bench.worker(trials=5).run()
    assert bench.trials(TrialState.FAILED) == []

    assert bench.worker(trials=5).run()  # as the fourth training; there is room again
    assert len(bench.trials(TrialState.COMPLETE)) == 5
    assert bench.trials()[2].state is TrialState.COMPLETE
    assert bench.evaluator.seeds[2] == bench.evaluator.seeds[3]
    assert bench.kept_models() == bench.front() | {0, 1}
