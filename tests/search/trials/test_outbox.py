"""Results in files: found again, by whom they may be, and known to be damaged."""

from pathlib import Path

import pytest

from search.processes import this_worker
from search.trials.outbox import Outbox, Result
from storage.claims import Lease
from storage.workers import WorkerIdentity
from tests.builders import build_failure, build_outcome
from tests.search.trials.processes import ended_process, living_process

COMPLETE = Result(
    lease=Lease(study_id=1, number=3, epoch=2),
    outcome=build_outcome(0.5, 0.25, size_bytes=500),
    artifacts={"weights.npz": "a" * 64},
)


def test_result_comes_back_until_it_is_removed(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, this_worker())
    letter = outbox.put(COMPLETE)
    assert Outbox(tmp_path, this_worker()).left(1) == [letter]
    assert outbox.left(2) == []
    letter.remove()
    letter.remove()
    assert outbox.left(1) == []


def test_numbers_that_json_does_not_know_do_not_lose_a_result(tmp_path: Path) -> None:
    failure = build_failure()
    result = Result(lease=COMPLETE.lease, outcome=failure, artifacts={})
    object.__setattr__(failure, "details", {"curve": [float("nan")]})
    outbox = Outbox(tmp_path, this_worker())
    outbox.put(result)
    assert outbox.left(1)[0].result.outcome.details == {"curve": [None]}


def test_results_of_ended_processes_of_this_host_are_found_and_those_of_others_not(tmp_path: Path) -> None:
    senders = [
        ended_process("a/b"),
        ended_process("a_b"),
        living_process("c"),
        WorkerIdentity(name="d", host="another host", pid=1, n_threads=1),
    ]
    letters = [Outbox(tmp_path, sender).put(COMPLETE) for sender in senders]
    assert len({letter.path.parent for letter in letters}) == 4
    assert {letter.path for letter in Outbox(tmp_path, this_worker()).left(1)} == {item.path for item in letters[:2]}


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_truncated_file_is_said_and_set_aside(tmp_path: Path, keep: int, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(tmp_path, this_worker())
    path = outbox.put(COMPLETE).path
    path.write_bytes(path.read_bytes()[:keep])
    assert outbox.left(1) == []
    assert f"the kept result {path} is lost" in caplog.text
    assert path.with_name(f"{path.name}.damaged").is_file()
    caplog.clear()
    assert outbox.left(1) == []
    assert caplog.text == ""
