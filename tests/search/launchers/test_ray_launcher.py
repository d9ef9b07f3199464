"""What the launcher makes of its actors, without Ray."""

import os
import signal
from collections.abc import Callable

import pytest

from search.launchers.ray_launcher import RayLauncher
from search.launchers.ray_worker import DONE, STOPPED, RayWorker, WorkerEnd
from search.launchers.restarts import RestartPolicy
from spaces.errors import SetupError, WorkerFailedError
from tests.search.launchers.fake_actors import ClusterHeard, FakeActor
from tests.search.launchers.fake_workers import Looks

LOST = WorkerEnd(code=-signal.SIGKILL, reason="The actor died: its node was lost.")
BAD_INPUT = WorkerEnd(code=2, reason="no data here.")


def launch(
    *actors: FakeActor, heard: ClusterHeard, watch: Looks | None = None, stop_requests: Callable[[], int] = lambda: 0
) -> RayLauncher:
    return RayLauncher(
        actors,
        watch=watch or Looks(),
        listener=heard,
        stop_requests=stop_requests,
        policy=RestartPolicy(first_delay_s=0.0, longest_delay_s=0.0),
        sleep=lambda _: None,
    )


def test_workers_that_end_well_are_removed():
    first, second, heard, watch = FakeActor("r-1", [DONE]), FakeActor("r-2", [DONE]), ClusterHeard(), Looks()
    assert launch(first, second, heard=heard, watch=watch).run()
    assert (heard.placed, heard.lost, watch.finished) == ([("r-1", 1), ("r-2", 1)], [], [True])
    assert first.calls[:2] == ["run", "kill"]


def test_worker_of_a_lost_node_runs_again_in_its_new_process():
    actor, heard = FakeActor("r-1", [LOST] * 7 + [DONE]), ClusterHeard()
    assert launch(actor, heard=heard).run()
    assert heard.placed == [("r-1", pid) for pid in range(1, 9)]
    assert heard.lost == [("r-1", LOST.reason)] * 7
    assert "renew" not in actor.calls


def test_worker_that_failed_gets_a_new_process():
    actor, heard = FakeActor("r-1", [BAD_INPUT, DONE]), ClusterHeard()
    assert launch(actor, heard=heard).run()
    assert actor.calls[:3] == ["run", "renew", "run"]
    assert heard.lost == [("r-1", "no data here.")]


def test_process_that_was_used_is_not_used_again():
    actor = FakeActor("r-1", [BAD_INPUT, DONE])
    actor.renew = lambda: None  # the old one still answers
    looks = iter([True] * 5)
    with pytest.raises(StopIteration):
        launch(actor, heard=ClusterHeard(), watch=Looks(lambda: next(looks))).run()
    assert actor.calls == ["run", "kill"]


def test_worker_that_fails_at_every_start_ends_the_launch_with_its_error():
    failing, other, heard = FakeActor("r-1", [BAD_INPUT] * 5), FakeActor("r-2", []), ClusterHeard()
    with pytest.raises(
        WorkerFailedError, match=r"worker r-1 failed 5 times.*on node \(exit code 2\): no data"
    ) as caught:
        launch(failing, other, heard=heard).run()
    assert caught.value.exit_code == 2
    assert heard.n_stopped == [1]
    assert other.calls == ["run", "stop", "kill", "kill"]


def test_worker_without_a_place_is_not_waited_for_once_the_work_is_done():
    waiting = FakeActor("r-2", [], has_place=False)
    assert launch(FakeActor("r-1", [DONE]), waiting, heard=ClusterHeard()).run()
    assert waiting.calls == ["kill", "kill"]


def test_stop_waits_for_the_workers_and_drops_those_without_a_place():
    working, waiting, heard, watch = (
        FakeActor("r-1", []),
        FakeActor("r-2", [], has_place=False),
        ClusterHeard(),
        Looks(),
    )
    requests = iter([0, 0, 1, 1, 1])
    assert not launch(working, waiting, heard=heard, watch=watch, stop_requests=lambda: next(requests)).run()
    assert (heard.n_stopped, watch.finished) == ([1], [False])
    assert working.calls == ["run", "stop", "kill", "kill"]


def test_second_stop_kills():
    actor, requests = FakeActor("r-1", []), iter([0, 0, 2])
    actor.ended = lambda: None
    assert not launch(actor, heard=ClusterHeard(), stop_requests=lambda: next(requests)).run()
    assert actor.calls == ["run", "stop", "kill"]


def test_nothing_begins_while_the_database_is_away():
    answers = iter([False, False, True, True, True])
    actor = FakeActor("r-1", [DONE])
    looks = Looks(lambda: (actor.calls.append("look"), next(answers))[1])
    assert launch(actor, heard=ClusterHeard(), watch=looks).run()
    assert actor.calls[:4] == ["look", "look", "look", "run"]


def make_worker(monkeypatch: pytest.MonkeyPatch) -> RayWorker:
    monkeypatch.setattr("search.launchers.ray_worker.limit_threads", lambda _: None)
    monkeypatch.setenv("MARK", "old")
    return RayWorker(name="r-1", n_threads=1, environment={"MARK": "new"})


def test_actor_tells_how_its_work_ended(monkeypatch):
    def fail(name: str, should_stop: Callable[[], bool]) -> bool:
        raise SetupError(f"{name} has no room.")

    assert make_worker(monkeypatch).run(lambda *_: os.environ["MARK"] == "new") == DONE
    assert make_worker(monkeypatch).run(fail) == WorkerEnd(code=2, reason="r-1 has no room.")


def test_actor_stops_when_asked(monkeypatch):
    worker = make_worker(monkeypatch)
    worker.stop()
    assert worker.run(lambda name, should_stop: not should_stop()) == STOPPED
    assert worker.process().token != make_worker(monkeypatch).process().token
