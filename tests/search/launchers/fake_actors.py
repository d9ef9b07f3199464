"""Actors without Ray that answer as told, and what a launcher tells of them."""

from collections.abc import Sequence

from search.launchers.ray_worker import STOPPED, ActorProcess, WorkerEnd


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


class ClusterHeard:
    """Keeps what a launcher on a cluster tells."""

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
