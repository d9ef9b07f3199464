"""`launch --engine ray`: what is handed to the cluster, and which flags are refused; without Ray."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from search.bootstrap import open_memory
from search.launchers.ray_cluster import Node, Resources
from search.ray_launch import RayOptions
from tests.builders import build_outcome, run_trial
from tests.integration.tiny import write_tiny
from tests.search.cli.running import Ran, make_runner

Run = Callable[..., Ran]


class FakeCluster:
    """One node, this machine; keeps the addresses at which it was looked for."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def nodes(self) -> list[Node]:
        return [Node(host="here", resources=Resources(cpus=4, gpus=1))]

    @contextmanager
    def connected(self, address: str) -> Iterator["FakeCluster"]:
        self.addresses.append(address)
        yield self


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    fake = FakeCluster()
    monkeypatch.setattr("search.launchers.ray_cluster.connected", fake.connected)
    monkeypatch.setattr("platform.node", lambda: "here")
    return fake


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path)
    run = make_runner(monkeypatch, capsys)
    return lambda *arguments: run("launch", "--study", "tiny.toml", *arguments)


def test_cluster_gets_the_stored_study_and_the_options(
    run: Run, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def supervise(*arguments: Any, **keywords: Any) -> bool:
        seen.extend([*arguments, keywords])
        run_trial(open_memory("studies.db").claims, arguments[1].id, 0, build_outcome(0.9, 0.5, size_bytes=1000))
        return True

    monkeypatch.setattr("search.cli.ray_supervision.supervise_on_ray", supervise)
    ran = run("--engine", "ray", "--workers", "3", "--cpus-per-worker", "2", "--gpus-per-worker", "0.25", "--keep-all")
    assert (ran.code, ran.errors) == (0, "")
    _, study, options, progress, keywords = seen
    assert study == open_memory("studies.db").repository.get_study("tiny")
    assert options == RayOptions(
        storage="studies.db",
        n_workers=3,
        cpus_per_worker=2,
        gpus_per_worker=0.25,
        data_dir=None,
        sampler="tpe",
        keep_all=True,
    )
    assert not progress.is_synthetic
    assert keywords == {"cluster": cluster}
    assert cluster.addresses == ["auto"]


def test_one_worker_of_one_processor_is_the_default_and_a_stop_is_exit_130(
    run: Run, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RayOptions] = []
    monkeypatch.setattr(
        "search.cli.ray_supervision.supervise_on_ray", lambda *arguments, cluster: bool(seen.append(arguments[2]))
    )
    ran = run("--engine", "ray", "--address", "ray://head:10001")
    assert (ran.code, ran.output) == (130, "stopped; the same command goes on where this one ended\n")
    assert (seen[0].n_workers, seen[0].each) == (1, Resources(cpus=1, gpus=0))
    assert cluster.addresses == ["ray://head:10001"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--address", "auto"], "--address: only for a Ray cluster; add --engine ray, or leave this out."),
        (["--cpus-per-worker", "1", "--gpus-per-worker", "0"], "--cpus-per-worker, --gpus-per-worker: only for a Ray"),
        (
            ["--engine", "ray", "--gpus-per-worker", "1.5"],
            "a part of one GPU, such as 0.25, or a whole number; got 1.5",
        ),
        (["--engine", "ray", "--gpus-per-worker", "inf"], "--gpus-per-worker takes a part of one GPU"),
        (["--engine", "ray", "--cpus-per-worker", "5"], "no node of the cluster has room for a worker of 5 CPUs"),
        (["--engine", "ray", "--workers", "9"], "--workers 9: sqlite:///studies.db is an SQLite file"),
        (["--engine", "slurm"], "'slurm' is not one of"),
    ],
)
def test_flags_that_do_not_fit_are_refused_before_anything_is_made(
    run: Run, cluster: FakeCluster, tmp_path: Path, flags: list[str], message: str
) -> None:
    ran = run(*flags)
    assert ran.code == 2
    assert message in ran.errors
    assert not (tmp_path / "studies.db").exists()
