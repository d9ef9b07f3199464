"""What a person sees of the workers on a Ray cluster, and running them to their end."""

from typing import TYPE_CHECKING

from rich.console import Console

from search.cli.progress import LaunchProgress
from search.cli.stop_signals import StopRequests
from search.cli.supervision import SupervisorLines

if TYPE_CHECKING:
    from search.launchers.ray_cluster import RayCluster
    from search.launchers.ray_worker import ActorProcess
    from search.ray_launch import RayOptions
    from storage.records import StudyRecord


def supervise_on_ray(
    console: Console, study: "StudyRecord", options: "RayOptions", progress: LaunchProgress, *, cluster: "RayCluster"
) -> bool:
    """Run a study's workers on a Ray cluster; return whether the work is done, False if Ctrl-C ended it before.

    Args:
        console: for the lines about the workers.
        study: as stored.
        options: of the launch.
        progress: prints the trials.
        cluster: that the workers run on.

    Raises:
        SetupError: the cluster does not fit the options, or its nodes cannot take a worker.
        StorageError: the database cannot be used.
        WorkerFailedError: a worker fails again and again; the others were stopped.
    """
    from search.ray_launch import ray_launch

    with (
        StopRequests() as requests,
        ray_launch(
            cluster,
            study,
            options,
            listener=progress,
            cluster_listener=ClusterLines(console),
            make_worker_listener=plain_progress,
            stop_requests=requests.count,
        ) as launcher,
        progress,
    ):
        return launcher.run()


def plain_progress() -> LaunchProgress:
    """Return what prints plain lines to a worker's own log on its node."""
    return LaunchProgress(Console(force_terminal=False))


class ClusterLines(SupervisorLines):
    """Prints what happens to the workers on a cluster, a line each."""

    def room(self, n_fitting: int, n_workers: int) -> None:
        """Say how many workers wait where the cluster is too small for all."""
        if n_fitting < n_workers:
            self._print(
                f"the cluster has room for {n_fitting} of the {n_workers} workers at a time; the others begin when "
                "nodes join",
                style="yellow",
            )

    def worker_placed(self, process: "ActorProcess") -> None:
        """Say where a worker works."""
        self._print(f"worker {process.name} is process {process.pid} on {process.host}")

    def worker_lost(self, process: "ActorProcess", reason: str, *, delay_s: float) -> None:
        """Say how a worker ended and when it begins again."""
        self._print(
            f"worker {process.name} on {process.host} ended: {reason.rstrip('.')}; it begins again after "
            f"{delay_s:g} s, when Ray has a place for it",
            style="yellow",
        )
