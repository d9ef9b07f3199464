"""What keeps a trial with its worker while the worker trains it."""

from collections.abc import Callable

from search.heartbeat import Heartbeat
from storage.claims import ClaimRepository, Lease
from storage.workers import WorkerRepository, WorkerState


def trial_heartbeat(
    lease: Lease,
    *,
    lease_s: float,
    worker: str,
    claims: ClaimRepository,
    workers: WorkerRepository,
    is_transient: Callable[[Exception], bool],
) -> Heartbeat:
    """Return a heartbeat that renews a trial's lease of `lease_s` seconds and says that the worker of that name lives.

    `is_transient` tells outages from other errors.
    """

    def renew() -> bool:
        is_held = claims.renew(lease, ttl_s=lease_s)
        workers.beat(lease.study_id, worker, state=WorkerState.TRAINING, number=lease.number)
        return is_held

    return Heartbeat(renew, what=f"trial {lease.number}", lease_s=lease_s, is_transient=is_transient)
