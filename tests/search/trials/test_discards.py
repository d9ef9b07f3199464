"""Files that are removed in two steps, and kills between the two."""

import json
from typing import Any

import pytest

from search.trials.delivery import store
from search.trials.discards import discarding, finish_discards
from search.trials.outbox import Result
from spaces.errors import ArtifactError, FencedError
from storage.claims import Lease
from storage.records import TrialState
from storage.sealed_files import seal, unseal
from storage.workers import WorkerIdentity
from tests.builders import build_failure
from tests.search.trials.processes import ended_process, living_process
from tests.search.worker_bench import Killed


def notes(bench) -> list[Any]:
    return list(bench.outboxes.glob("*/discard-*"))


def die(*_: Any) -> None:
    raise Killed


def kill_in_discard(bench, identity: WorkerIdentity, digest: str) -> None:
    """Let a worker forget a file and be killed before it removes it."""
    bench.worker(identity=identity)
    with pytest.raises(Killed), discarding(bench.parts, {digest}):
        die()


def test_file_that_is_forgotten_is_removed_and_no_note_is_left(bench):
    bench.worker()
    digest = bench.artifacts.put(b"superfluous")
    with discarding(bench.parts, {digest}):
        assert len(notes(bench)) == 1
        assert bench.artifacts.digests() == {digest}
    assert (notes(bench), bench.artifacts.digests()) == ([], set())


def test_models_that_a_killed_worker_had_forgotten_are_removed_at_the_next_start(bench, monkeypatch):
    worker = bench.worker(trials=10, identity=ended_process("dead"))
    with monkeypatch.context() as patch:
        patch.setattr(bench.artifacts, "remove", die)
        with pytest.raises(Killed):
            worker.run()
    n_trained = len(bench.trials(TrialState.COMPLETE))
    assert len(notes(bench)) == 1
    assert bench.artifacts.digests() > bench.repository.referenced_digests()
    assert bench.worker(trials=n_trained).run()
    assert notes(bench) == []
    assert bench.kept_models() == bench.front() | {0, 1}


@pytest.mark.parametrize("make", [living_process, lambda name: WorkerIdentity(name=name, host="x", pid=1, n_threads=1)])
def test_notes_of_workers_that_may_live_are_left_to_them(bench, make):
    digest = bench.artifacts.put(b"superfluous")
    kill_in_discard(bench, make("other"), digest)
    bench.worker()
    finish_discards(bench.parts)
    assert len(notes(bench)) == 1
    assert bench.artifacts.digests() == {digest}


def test_file_that_something_refers_to_stays(bench):
    bench.worker(trials=2).run()
    before = bench.artifacts.digests()
    kill_in_discard(bench, ended_process("dead"), min(before))
    bench.worker(trials=2)
    finish_discards(bench.parts)
    assert (notes(bench), bench.artifacts.digests()) == ([], before)


def test_damaged_note_is_said_and_dropped(bench, caplog):
    digest = bench.artifacts.put(b"superfluous")
    kill_in_discard(bench, ended_process("dead"), digest)
    (note,) = notes(bench)
    value = json.loads(unseal(note.read_bytes()))
    assert value["digests"] == [digest]
    note.write_bytes(seal(json.dumps(value).encode())[:-3])
    finish_discards(bench.parts)
    assert "is dropped" in caplog.text
    assert (notes(bench), bench.artifacts.digests()) == ([], {digest})


def test_full_disk_does_not_stop_the_removal(bench, monkeypatch, caplog):
    def fail(*_: Any) -> None:
        raise ArtifactError("no space left.")

    bench.worker()
    digest = bench.artifacts.put(b"superfluous")
    monkeypatch.setattr("search.trials.discards.replace_file", fail)
    with discarding(bench.parts, {digest}):
        pass
    assert "files are removed without a note: no space left." in caplog.text
    assert bench.artifacts.digests() == set()


def test_files_of_a_refused_result_are_removed_once_the_trial_is_finished(bench):
    worker = bench.worker(trials=2)
    proposal = bench.optuna_study.ask()
    candidate = bench.parts.space.decode(proposal.params)
    late = Lease(study_id=bench.study.id, number=0, epoch=1)
    bench.claims.claim_new(late.study_id, number=0, candidate=candidate, seed=1, owner="a", ttl_s=0.0, budget=1)
    claim = bench.claims.claim_abandoned(late.study_id, owner="b", ttl_s=60.0)
    digest = bench.artifacts.put(b"of the late one")
    result = Result(lease=late, outcome=build_failure(), artifacts={"weights": digest})
    with pytest.raises(FencedError):
        store(bench.parts, result)
    assert bench.artifacts.digests() == {digest}  # it may be that of the worker that has the trial now
    bench.claims.finish(claim.lease, build_failure())
    with pytest.raises(FencedError):
        store(bench.parts, result)
    assert bench.artifacts.digests() == set()
    assert worker.run()


def test_what_a_killed_worker_had_begun_to_write_is_removed_by_its_successor(bench):
    bench.worker(trials=2)
    folder = bench.parts.outbox.folder
    folder.mkdir(parents=True)
    (folder / "study-1-trial-0-epoch-1.json.abc.tmp").write_bytes(b"half")
    assert bench.worker(trials=2).run()
    assert list(folder.iterdir()) == []
