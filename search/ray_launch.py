"""Puts a launch on a Ray cluster together: what the nodes must share, the actors, and the watch over the study."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from search.bootstrap import DEFAULT_LEASE_S, WorkerOptions, join_worker
from search.launchers.ray_cluster import Node, RayCluster, Resources
from search.launchers.ray_launcher import RayLauncher, RayListener
from search.launchers.ray_worker import ActorTask
from search.launchers.study_watch import PaceListener, watch_stored
from search.listener import Listener
from search.local_launch import check_worker_count
from spaces.errors import SetupError, SpecError
from storage.artifact_bucket import bucket_url
from storage.artifacts import ROOT_VARIABLE, default_root
from storage.database_state import database_place
from storage.records import StudyRecord
from storage.sql import masked, normalize_url

# Without it TensorFlow takes all of a GPU's memory, and the second worker there finds none.
_SHARED_GPU = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """What `launch --engine ray` was given.

    Attributes:
        storage: database URL, or SQLite path where the cluster is this machine alone.
        n_workers: actors.
        cpus_per_worker: processors, which are the threads that it computes with.
        gpus_per_worker: GPUs, also a part of one.
        data_dir: where data sets are looked for first, on the nodes.
        sampler: a name of `search.samplers.SAMPLERS`.
        keep_all: keep the models that left the front too.
        lease_s: seconds after which the trial of a worker that fell silent may be taken over.
    """

    storage: str
    n_workers: int
    cpus_per_worker: int
    gpus_per_worker: float
    data_dir: Path | None
    sampler: str
    keep_all: bool
    lease_s: float = DEFAULT_LEASE_S

    def __post_init__(self) -> None:
        """Check the GPUs.

        Raises:
            SpecError: they are neither a part of one nor a whole number.
        """
        gpus = self.gpus_per_worker
        if not (0 <= gpus < 1 or (gpus >= 1 and float(gpus).is_integer())):
            raise SpecError(
                f"--gpus-per-worker takes a part of one GPU, such as 0.25, or a whole number; got {gpus:g}."
            )

    @property
    def is_gpu_shared(self) -> bool:
        """Whether a worker gets a part of a GPU."""
        return 0 < self.gpus_per_worker < 1

    @property
    def each(self) -> Resources:
        """What one worker gets."""
        return Resources(cpus=self.cpus_per_worker, gpus=self.gpus_per_worker)


class ClusterListener(RayListener, PaceListener, Protocol):
    """Follows the workers, the room that the cluster has for them, and the work as a whole."""

    def room(self, n_fitting: int, n_workers: int) -> None:
        """The cluster holds so many of the workers at a time; the others wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinStudy:
    """The work of an actor: it joins the study, as the command `worker` does.

    Attributes:
        options: of the worker, but its name.
        make_listener: makes what hears of its trials, on the node.
        sign: a file that the launch has put into the artifacts' folder; None where they lie in a bucket.
    """

    options: WorkerOptions = field(repr=False)
    make_listener: Callable[[], Listener]
    sign: Path | None

    def __call__(self, name: str, should_stop: Callable[[], bool]) -> bool:
        """Run trials; return whether the work is done.

        Raises:
            SearchError: the worker cannot join, or go on.
        """
        if self.sign is not None and not self.sign.is_file():
            raise SetupError(
                f"this node does not see {self.sign}, which the launch has written: the artifacts' folder is not "
                f"shared. Mount it under the same path on every node, or set {ROOT_VARIABLE} to one that is."
            )
        # Imported here, because it comes with TensorFlow, which the launch does without.
        from search.training.fit import StopRequestedError

        try:
            return join_worker(replace(self.options, name=name), self.make_listener(), should_stop).run()
        except StopRequestedError:
            return False


@contextmanager
def ray_launch(
    cluster: RayCluster,
    study: StudyRecord,
    options: RayOptions,
    *,
    listener: Listener,
    cluster_listener: ClusterListener,
    make_worker_listener: Callable[[], Listener],
    stop_requests: Callable[[], int],
) -> Iterator[RayLauncher]:
    """Give the launcher of a stored study's workers on a cluster, to be run inside the block.

    Args:
        cluster: that the workers run on.
        study: as stored.
        options: of the launch.
        listener: hears of every trial that is finished from now on.
        cluster_listener: hears of the workers and of their pace.
        make_worker_listener: a function of a module, which makes a worker's own listener on its node.
        stop_requests: how often a stop was asked for, as `RayLauncher` takes it.

    Raises:
        SetupError: the cluster cannot reach the database or has no node that is large enough; too many workers for
            the database; the artifacts' folder cannot be written to.
        StorageError: the database cannot be used.
    """
    nodes = check_cluster(cluster, options)
    cluster_listener.room(sum(options.each.times_in(node.resources) for node in nodes), options.n_workers)
    url = _absolute(options.storage)
    watch = watch_stored(url, study, listener=listener, pace_listener=cluster_listener)
    bucket, root = bucket_url(url), default_root(url).absolute()
    with nullcontext(None) if bucket else _sign_in(root) as sign:
        worker = WorkerOptions(
            study=study.name,
            storage=url,
            data_dir=options.data_dir,
            name=None,
            sampler=options.sampler,
            keep_all=options.keep_all,
            lease_s=options.lease_s,
        )
        task = ActorTask(
            body=JoinStudy(options=worker, make_listener=make_worker_listener, sign=sign),
            n_threads=options.cpus_per_worker,
            environment={ROOT_VARIABLE: bucket or str(root), **(_SHARED_GPU if options.is_gpu_shared else {})},
        )
        actors = cluster.start(task, study=study.name, n_workers=options.n_workers, each=options.each)
        yield RayLauncher(actors, watch=watch, listener=cluster_listener, stop_requests=stop_requests)


def check_cluster(cluster: RayCluster, options: RayOptions) -> list[Node]:
    """Check that a cluster fits the options of a launch as it is now, and return its nodes.

    Raises:
        SetupError: something is missing, the database's name among it, or there are too many workers for the database.
    """
    check_worker_count(options.storage, options.n_workers)
    nodes = cluster.nodes()
    check_nodes(nodes, options, environment=os.environ)
    return nodes


def check_nodes(nodes: Sequence[Node], options: RayOptions, *, environment: Mapping[str, str]) -> None:
    """Check that the workers have a place on the nodes, a database that all reach, and a folder that all may share.

    Raises:
        SetupError: something of this is missing.
    """
    each, elsewhere = options.each, sorted({node.host for node in nodes if not node.is_here})
    if not any(each.times_in(node.resources) for node in nodes):
        largest = max((node.resources for node in nodes), key=lambda item: (item.cpus, item.gpus))
        raise SetupError(
            f"no node of the cluster has room for a worker of {each.cpus:g} CPUs and {each.gpus:g} GPUs, the largest "
            f"has {largest.cpus:g} and {largest.gpus:g}; give less: --cpus-per-worker, --gpus-per-worker."
        )
    if not elsewhere:
        return
    url, there = normalize_url(options.storage), f"node {elsewhere[0]!r}" + " and others" * (len(elsewhere) > 1)
    if url.startswith("sqlite"):
        raise SetupError(
            f"{masked(url)} is an SQLite file of this machine, and the cluster has {there}; take PostgreSQL: "
            "--storage postgresql://user@host:5432/name."
        )
    if not environment.get(ROOT_VARIABLE):
        raise SetupError(
            f"the models of workers on {there} need a folder that all nodes share, or a bucket; name one: "
            f"{ROOT_VARIABLE}=/shared/folder or {ROOT_VARIABLE}=s3://bucket/prefix."
        )


def _absolute(storage: str) -> str:
    """Return the URL as it is understood in another folder too."""
    file = database_place(storage).file
    return normalize_url(storage) if file is None else normalize_url(str(file.absolute()))


@contextmanager
def _sign_in(folder: Path) -> Iterator[Path]:
    """Put a file into a folder for the time of a block, by which a node knows the folder."""
    sign = folder / f"launch-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sign.touch()
    except OSError as error:
        raise SetupError(
            f"the artifacts' folder {folder} cannot be written to: {error.strerror}; check your rights there, or set "
            f"{ROOT_VARIABLE} to another one."
        ) from error
    try:
        yield sign
    finally:
        sign.unlink(missing_ok=True)
