"""Workers on a real Ray cluster of three nodes, one of which dies in the middle."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.launchers.ray_cluster import Resources, connected
from search.launchers.ray_launcher import RayLauncher
from search.launchers.ray_worker import ActorProcess, ActorTask
from storage.records import TrialState
from tests.integration.faults.sleeping_study import NAME, SleepingStudy
from tests.integration.faults.sleeping_worker import WorkerTask, make_worker
from tests.postgres_server import PostgresServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning"),  # Ray's own
]

N_NODES, TRIALS = 3, 20


@dataclass(frozen=True, kw_only=True)
class SleepingBody:
    """Works on a sleeping study, from the moment when all workers are there."""

    task: WorkerTask

    def __call__(self, name: str, should_stop: Callable[[], bool]) -> bool:
        folder = self.task.folder
        worker = make_worker(replace(self.task, name=name))
        (folder / f"{name}.here").touch()
        while len(list(folder.glob("*.here"))) < N_NODES:
            time.sleep(0.1)
        return worker.run()


class NodeKiller:
    """Watches over the study, and kills a node once its worker has a trial; hears of the workers."""

    def __init__(self, study: SleepingStudy, cluster: Any, node: Any) -> None:
        self._study, self._cluster, self._node = study, cluster, node
        self.placed: list[ActorProcess] = []
        self.lost: list[str] = []
        self.victim, self.abandoned = "", -1
        self.is_done = False

    def look(self) -> bool:
        if not self.victim and self._study.n_done() >= 4:
            children = psutil.Process(self._node.all_processes["raylet"][0].process.pid).children(recursive=True)
            (name,) = {process.name for process in self.placed} & {
                process.name for process in self.placed if process.pid in {child.pid for child in children}
            }
            running = [trial.number for trial in self._study.results(TrialState.RUNNING) if trial.owner == name]
            if running:
                for child in children:
                    child.kill()
                self._cluster.remove_node(self._node, allow_graceful=False)
                self.victim, self.abandoned = name, running[0]
        return True

    def finish(self, *, is_done: bool) -> None:
        self.is_done = is_done

    def worker_placed(self, process: ActorProcess) -> None:
        self.placed.append(process)

    def worker_lost(self, process: ActorProcess, reason: str, *, delay_s: float) -> None:
        self.lost.append(process.name)

    def stopping(self, n_running: int) -> None:
        raise AssertionError("nobody asked to stop")


@pytest.fixture
def nodes() -> Iterator[tuple[Any, Any]]:
    """Yield a cluster of nodes with a processor each, and the last of its nodes."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    size = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    try:
        added = [cluster.add_node(**size) for _ in range(N_NODES - 1)]
        yield cluster, added[-1]
    finally:
        cluster.shutdown()


def test_trials_of_a_dead_node_are_finished_by_others(nodes, postgres_server: PostgresServer, tmp_path: Path):
    cluster, node = nodes
    study = SleepingStudy(postgres_server.create_database(), tmp_path, trials=TRIALS)
    task = WorkerTask(
        url=study.url,
        artifacts=study.artifacts.root,
        folder=tmp_path,
        study=NAME,
        name="",
        lease_s=8.0,
        pause_s=(0.5, 1.0),
        sampler="random",
        gate=None,
        model_bytes=1000,
        file_limit_bytes=None,
    )
    killer = NodeKiller(study, cluster, node)
    with connected(cluster.address) as there:
        assert [found.is_here for found in there.nodes()] == [True] * N_NODES
        actors = there.start(
            ActorTask(body=SleepingBody(task=task), n_threads=1, environment={}),
            study=NAME,
            n_workers=N_NODES,
            each=Resources(cpus=1, gpus=0),
        )
        assert RayLauncher(actors, watch=killer, listener=killer, stop_requests=lambda: 0).run()
    assert killer.is_done
    assert killer.lost == [killer.victim]
    assert len({process.name for process in killer.placed}) == N_NODES
    (again,) = [record for record in study.results() if record.number == killer.abandoned]
    assert again.owner not in ("", killer.victim)
    assert again.state is not TrialState.RUNNING
    study.check()
    study.close()
