"""What is checked before workers begin on a cluster, and what they check on their nodes; without Ray."""

import io
import platform
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from search.bootstrap import WorkerOptions, create_memory
from search.cli.ray_supervision import ClusterLines
from search.launchers.ray_cluster import Node, RayActor, Resources, connected
from search.launchers.ray_worker import ActorTask
from search.ray_launch import JoinStudy, RayOptions, check_nodes, ray_launch
from spaces.errors import SetupError
from tests.builders import create_study
from tests.search.worker_bench import Notes

SERVER = "postgresql://me:secret@db/studies"
SHARED = {"SEARCH_ARTIFACTS": "/shared"}


def options(**changes: Any) -> RayOptions:
    given: dict[str, Any] = {"storage": SERVER, "n_workers": 4, "cpus_per_worker": 2, "gpus_per_worker": 0.0}
    return RayOptions(**{**given, "data_dir": None, "sampler": "tpe", "keep_all": False, **changes})


def node(host: str = "far", *, cpus: float = 8, gpus: float = 0) -> Node:
    return Node(host=host, resources=Resources(cpus=cpus, gpus=gpus))


@pytest.mark.parametrize(
    ("each", "of", "n_workers"),
    [
        (Resources(cpus=2, gpus=0), Resources(cpus=7, gpus=0), 3),
        (Resources(cpus=1, gpus=0.1), Resources(cpus=64, gpus=1), 10),
        (Resources(cpus=1, gpus=0.5), Resources(cpus=3, gpus=4), 3),
        (Resources(cpus=1, gpus=1), Resources(cpus=8, gpus=0), 0),
    ],
)
def test_node_holds_so_many_workers(each: Resources, of: Resources, n_workers: int) -> None:
    assert each.times_in(of) == n_workers


def test_cluster_with_room_a_server_and_a_shared_folder_is_good() -> None:
    check_nodes([node(cpus=1), node()], options(), environment=SHARED)


def test_cluster_of_this_machine_alone_needs_neither_server_nor_shared_folder(monkeypatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "here")
    check_nodes([node("here"), node("here")], options(storage="studies.db"), environment={})


@pytest.mark.parametrize(
    ("changes", "environment", "message"),
    [
        ({"cpus_per_worker": 9}, SHARED, r"room for a worker of 9 CPUs and 0 GPUs, the largest has 8 and 0; give less"),
        ({"gpus_per_worker": 0.5}, SHARED, r"of 2 CPUs and 0\.5 GPUs"),
        (
            {"storage": "studies.db"},
            SHARED,
            r"SQLite file of this machine, and the cluster has node 'far'; take Postgr",
        ),
        ({}, {}, r"node 'far' and others need a folder .* SEARCH_ARTIFACTS=/shared/folder or SEARCH_ARTIFACTS=s3:"),
    ],
)
def test_cluster_that_does_not_fit_is_refused(
    changes: dict[str, Any], environment: dict[str, str], message: str
) -> None:
    nodes = [node(), *([node("further")] if not changes else [])]
    with pytest.raises(SetupError, match=message) as caught:
        check_nodes(nodes, options(**changes), environment=environment)
    assert "secret" not in str(caught.value)


class EmptyCluster:
    """This machine as a node, with room for one worker; keeps what its actors would do, and creates none."""

    def __init__(self) -> None:
        self.tasks: list[ActorTask] = []

    def nodes(self) -> list[Node]:
        return [node(platform.node(), cpus=1, gpus=1)]

    def start(self, task: ActorTask, **_: Any) -> list[RayActor]:
        self.tasks.append(task)
        return []


@pytest.mark.parametrize(("gpus", "growth"), [(0.0, None), (0.5, "true"), (1.0, None)])
def test_workers_find_database_and_artifacts_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpus: float, growth: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    memory = create_memory("studies.db")
    cluster: Any = EmptyCluster()
    output = io.StringIO()
    with ray_launch(
        cluster,
        create_study(memory.repository),
        options(storage="studies.db", cpus_per_worker=1, gpus_per_worker=gpus),
        listener=Notes(),
        cluster_listener=ClusterLines(Console(file=output, width=200)),
        make_worker_listener=Notes,
        stop_requests=lambda: 0,
    ) as launcher:
        (task,) = cluster.tasks
        body: Any = task.body
        assert body.sign.is_file()
        assert body.sign.parent == tmp_path / "studies.artifacts"
        assert not launcher.run()
    assert not body.sign.exists()
    assert body.options.storage == f"sqlite:///{tmp_path}/studies.db"
    assert task.environment["SEARCH_ARTIFACTS"] == str(tmp_path / "studies.artifacts")
    assert task.environment.get("TF_FORCE_GPU_ALLOW_GROWTH") == growth
    assert output.getvalue().startswith("the cluster has room for 1 of the 4 workers at a time")


def test_bucket_needs_no_sign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEARCH_ARTIFACTS", "s3://bucket/studies")
    monkeypatch.setattr("search.ray_launch.watch_stored", lambda *_, **__: None)
    cluster, study = EmptyCluster(), create_study(create_memory("studies.db").repository)
    given: dict[str, Any] = {"listener": Notes(), "cluster_listener": ClusterLines(Console(file=io.StringIO()))}
    given |= {"make_worker_listener": Notes, "stop_requests": lambda: 0}
    there: Any = cluster
    with ray_launch(there, study, options(cpus_per_worker=1), **given):
        (task,) = cluster.tasks
    body: Any = task.body
    assert body.sign is None
    assert task.environment == {"SEARCH_ARTIFACTS": "s3://bucket/studies"}
    assert not list(tmp_path.glob("*artifacts"))


def test_worker_on_a_node_without_the_shared_folder_says_so(tmp_path: Path) -> None:
    worker = WorkerOptions(study="s", storage=SERVER, data_dir=None, name=None, sampler="tpe", keep_all=False)
    body = JoinStudy(options=worker, make_listener=Notes, sign=tmp_path / "launch-1")
    with pytest.raises(SetupError, match=r"this node does not see .*launch-1.*is not shared\. Mount it"):
        body("w", lambda: False)
    assert "secret" not in repr(body)


def test_ray_that_is_not_installed_is_an_error(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SetupError, match=r"needs the Python package 'ray'; install it: pip install 'cosearch\[ray\]'"):
        connected("auto").__enter__()


@pytest.mark.slow  # only then the extra is installed
@pytest.mark.parametrize("address", ["nonsense", "host", "host:port", "ray://"])
def test_text_that_is_no_address_is_an_error(address: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(SetupError, match=r"--address takes auto, HOST:PORT or ray://HOST:PORT; got "):
        connected(address).__enter__()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_address_where_nobody_answers_is_an_error_at_once(scheme: str) -> None:
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SetupError, match=rf"nothing answers at 127\.0\.0\.1 port {port} .*refused.*ray start --head"):
        connected(f"{scheme}127.0.0.1:{port}").__enter__()
