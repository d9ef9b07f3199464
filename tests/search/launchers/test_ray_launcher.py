"""What the launcher makes of its actors, without Ray: fakes that answer as told."""

import signal
from collections.abc import Callable, Sequence

import pytest

from search.launchers.ray_launcher import RayLauncher
from search.launchers.ray_worker import DONE, STOPPED, ActorProcess, ActorTask, RayWorker, WorkerEnd
from search.launchers.restarts import RestartPolicy
from spaces.errors import SetupError, WorkerFailedError
from tests.search.launchers.fake_workers import Looks

LOST = WorkerEnd(code=-signal.SIGKILL, reason="The actor died: its node was lost.")
BAD_INPUT = WorkerEnd(code=2, reason="no data here.")


class FakeActor:
    """Ends as told, one end a run; without a place, or with no end left, it goes on for ever."""

    def __init__(self, name: str, ends: Sequence[WorkerEnd], *, has_place: bool = True) -> None:
        self.name, self.ends, self.has_place = name, list(ends), has_place
        self.calls: list[str] = []
        self.n_processes = 1

    def process(self) -> ActorProcess | None:
        if not self.has_place:
            return None
        token = f"{self.name}/{self.n_processes}"
        return ActorProcess(token=token, name=self.name, host="node", pid=self.n_processes)

    def run(self) -> None:
        self.calls.append("run")

    def ended(self) -> WorkerEnd | None:
        if "stop" in self.calls:
            return STOPPED
        if not self.ends:
            return None
        if self.ends[0].code < 0:
            self.n_processes += 1  # by Ray itself
        return self.ends.pop(0)

    def stop(self) -> None:
        self.calls.append("stop")

    def renew(self) -> None:
        self.calls.append("renew")
        self.n_processes += 1

    def kill(self) -> None:
        self.calls.append("kill")


class Heard:
    def __init__(self) -> None:
        self.placed: list[tuple[str, int]] = []
        self.lost: list[tuple[str, str]] = []
        self.n_stopped: list[int] = []

    def worker_placed(self, process: ActorProcess) -> None:
        self.placed.append((process.name, process.pid))

    def worker_lost(self, process: ActorProcess, reason: str, *, delay_s: float) -> None:
        self.lost.append((process.name, reason))

    def stopping(self, n_running: int) -> None:
        self.n_stopped.append(n_running)


def launch(
    *actors: FakeActor, heard: Heard, watch: Looks | None = None, stop_requests: Callable[[], int] = lambda: 0
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
    first, second, heard, watch = FakeActor("r-1", [DONE]), FakeActor("r-2", [DONE]), Heard(), Looks()
    assert launch(first, second, heard=heard, watch=watch).run()
    assert (heard.placed, heard.lost, watch.finished) == ([("r-1", 1), ("r-2", 1)], [], [True])
    assert first.calls[:2] == ["run", "kill"]


def test_worker_of_a_lost_node_runs_again_in_its_new_process():
    actor, heard = FakeActor("r-1", [LOST] * 7 + [DONE]), Heard()
    assert launch(actor, heard=heard).run()
    assert heard.placed == [("r-1", pid) for pid in range(1, 9)]
    assert heard.lost == [("r-1", LOST.reason)] * 7
    assert "renew" not in actor.calls


def test_worker_that_failed_gets_a_new_process():
    actor, heard = FakeActor("r-1", [BAD_INPUT, DONE]), Heard()
    assert launch(actor, heard=heard).run()
    assert actor.calls[:3] == ["run", "renew", "run"]
    assert heard.lost == [("r-1", "no data here.")]


def test_process_that_was_used_is_not_used_again():
    actor = FakeActor("r-1", [BAD_INPUT, DONE])
    actor.renew = lambda: None  # the old one still answers
    looks = iter([True] * 5)
    with pytest.raises(StopIteration):
        launch(actor, heard=Heard(), watch=Looks(lambda: next(looks))).run()
    assert actor.calls == ["run", "kill"]


def test_worker_that_fails_at_every_start_ends_the_launch_with_its_error():
    failing, other, heard = FakeActor("r-1", [BAD_INPUT] * 5), FakeActor("r-2", []), Heard()
    with pytest.raises(
        WorkerFailedError, match=r"worker r-1 failed 5 times.*on node \(exit code 2\): no data"
    ) as caught:
        launch(failing, other, heard=heard).run()
    assert caught.value.exit_code == 2
    assert heard.n_stopped == [1]
    assert other.calls == ["run", "stop", "kill", "kill"]


def test_worker_without_a_place_is_not_waited_for_once_the_work_is_done():
    waiting = FakeActor("r-2", [], has_place=False)
    assert launch(FakeActor("r-1", [DONE]), waiting, heard=Heard()).run()
    assert waiting.calls == ["kill", "kill"]


def test_stop_waits_for_the_workers_and_drops_those_without_a_place():
    working, waiting, heard, watch = FakeActor("r-1", []), FakeActor("r-2", [], has_place=False), Heard(), Looks()
    requests = iter([0, 0, 1, 1, 1])
    assert not launch(working, waiting, heard=heard, watch=watch, stop_requests=lambda: next(requests)).run()
    assert (heard.n_stopped, watch.finished) == ([1], [False])
    assert working.calls == ["run", "stop", "kill", "kill"]


def test_second_stop_kills():
    actor, requests = FakeActor("r-1", []), iter([0, 0, 2])
    actor.ended = lambda: None
    assert not launch(actor, heard=Heard(), stop_requests=lambda: next(requests)).run()
    assert actor.calls == ["run", "stop", "kill"]


def test_nothing_begins_while_the_database_is_away():
    answers = iter([False, False, True, True, True])
    actor = FakeActor("r-1", [DONE])
    looks = Looks(lambda: (actor.calls.append("look"), next(answers))[1])
    assert launch(actor, heard=Heard(), watch=looks).run()
    assert actor.calls[:4] == ["look", "look", "look", "run"]


def make_worker(monkeypatch: pytest.MonkeyPatch, body: Callable[[str, Callable[[], bool]], bool]) -> RayWorker:
    monkeypatch.setattr("search.launchers.ray_worker.limit_threads", lambda _: None)
    monkeypatch.setenv("MARK", "old")
    return RayWorker(ActorTask(body=body, n_threads=1, environment={"MARK": "new"}), name="r-1")


def test_actor_tells_how_its_work_ended(monkeypatch):
    def fail(name: str, should_stop: Callable[[], bool]) -> bool:
        raise SetupError(f"{name} has no room.")

    assert make_worker(monkeypatch, lambda *_: True).run() == DONE
    assert make_worker(monkeypatch, fail).run() == WorkerEnd(code=2, reason="r-1 has no room.")


def test_actor_stops_when_asked(monkeypatch):
    worker = make_worker(monkeypatch, lambda name, should_stop: not should_stop())
    worker.stop()
    assert worker.run() == STOPPED
    assert worker.process().token != make_worker(monkeypatch, lambda *_: True).process().token
