"""Workers on a real Ray cluster: stopped and taken up again, refused by its nodes, and with a node that dies."""

import io
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from search.bootstrap import LaunchOptions, open_memory, prepare_study
from search.cli.progress import LaunchProgress
from search.cli.ray_supervision import supervise_on_ray
from search.launchers.ray_cluster import Resources, connected
from search.launchers.ray_launcher import RayLauncher
from search.launchers.ray_worker import ActorProcess, ActorTask
from search.ray_launch import RayOptions
from spaces.errors import SetupError
from storage.maintenance import check_database
from storage.records import TrialState
from tests.integration.faults.sleeping_study import NAME, SleepingStudy
from tests.integration.faults.sleeping_worker import WorkerTask, make_worker
from tests.integration.tiny import TRIALS as TINY_TRIALS
from tests.integration.tiny import run_search, write_tiny
from tests.postgres_server import PostgresServer
from tests.search.launchers.fake_actors import ClusterHeard
from tests.search.launchers.fake_workers import Looks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning"),  # Ray's own
]

N_NODES, TRIALS = 3, 20
SIZE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


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


class InterruptingProgress(LaunchProgress):
    """Presses Ctrl-C when the first trial is finished."""

    def trial_finished(self, record: Any, standing: Any) -> None:
        super().trial_finished(record, standing)
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Yield a cluster of two nodes with a processor each."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={**SIZE, "include_dashboard": False})
    try:
        cluster.add_node(**SIZE)
        yield cluster
    finally:
        cluster.shutdown()


def test_launch_that_was_stopped_goes_on_where_it_ended(cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # So many that two workers cannot be through before the first one is heard of and Ctrl-C has reached them.
    n_trials = 4 * TINY_TRIALS
    write_tiny(tmp_path, {f"trials = {TINY_TRIALS}": f"trials = {n_trials}"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEARCH_STORAGE", raising=False)
    common: dict[str, Any] = {"storage": "studies.db", "data_dir": None, "sampler": "tpe", "keep_all": False}
    study = prepare_study(LaunchOptions(study="tiny.toml", synthetic=False, overrides={}, **common))
    options = RayOptions(n_workers=2, cpus_per_worker=1, gpus_per_worker=0.0, **common)
    repository = open_memory("studies.db").repository

    def supervise(kind: type[LaunchProgress]) -> tuple[bool, str]:
        console = Console(file=io.StringIO(), width=200)
        with connected(cluster.address) as there:
            is_done = supervise_on_ray(console, study, options, kind(console), cluster=there)
        return is_done, console.file.getvalue()

    is_done, printed = supervise(InterruptingProgress)
    counts = repository.count_trials(study.id)
    assert (is_done, sum(counts.values()) < n_trials) == (False, True)
    assert f"worker ray-{cluster.address}-tiny-1 is process" in printed
    assert "stopping 2 workers after their batches" in printed
    is_done, printed = supervise(LaunchProgress)
    counts = repository.count_trials(study.id)
    assert (is_done, counts[TrialState.COMPLETE] + counts[TrialState.FAILED]) == (True, n_trials)
    assert counts[TrialState.RUNNING] == 0
    assert not list((tmp_path / "studies.artifacts").glob("launch-*"))
    assert check_database("studies.db").is_good


def test_command_searches_on_the_cluster(cluster, tmp_path: Path):
    write_tiny(tmp_path)
    on_ray = ("launch", "--study", "tiny.toml", "--engine", "ray", "--address", cluster.address)
    refused = run_search(*on_ray, "--cpus-per-worker", "64", folder=tmp_path)
    assert refused.returncode == 2
    assert "no node of the cluster has room for a worker of 64 CPUs and 0 GPUs, the largest has 1" in refused.stderr
    assert not (tmp_path / "studies.db").exists()
    ran = run_search(*on_ray, "--workers", "3", "--trials", "3", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("the cluster has room for 2 of the 3 workers at a time; the others begin when")
    placed = {re.sub(r" is process .*", "", line) for line in lines if " is process " in line}
    # A worker that finds a place only when nothing is left to do is not begun.
    assert placed >= {f"worker ray-{cluster.address}-tiny-{number}" for number in (1, 2)}
    told = [int(number) for number in re.findall(r"^trial +(\d+)", ran.stdout, flags=re.MULTILINE)]
    assert len(told) == len(set(told)) >= 3
    assert "[3/3]" in ran.stdout
    assert "Pareto front of tiny" in ran.stdout
    assert check_database(str(tmp_path / "studies.db")).is_good


def test_worker_that_no_node_can_begin_is_an_error(cluster):
    nonsense: Any = {"VARIABLE": 1}
    with connected(cluster.address) as there:
        task = ActorTask(body=lambda *_: True, n_threads=1, environment=nonsense)
        (actor,) = there.start(task, study="none", n_workers=1, each=Resources(cpus=1, gpus=0))
        launcher = RayLauncher([actor], watch=Looks(), listener=ClusterHeard(), stop_requests=lambda: 0)
        with pytest.raises(SetupError, match=r"cannot begin on the cluster: TypeError: str expected, not int; install"):
            launcher.run()


@pytest.mark.postgres
def test_trials_of_a_dead_node_are_finished_by_others(cluster, postgres_server: PostgresServer, tmp_path: Path):
    node = cluster.add_node(**SIZE)
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
    # The first thing that a worker of the victim's name does is to deliver what the victim could not.
    with study.fleet() as fleet:
        fleet.start(killer.victim)
        assert fleet.exit_codes() == {killer.victim: 0}
    study.check()
    study.close()
