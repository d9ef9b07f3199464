"""This process as a worker, and whether another worker's process is still there."""

import os
import platform

from search.threads import bound_cpus
from storage.workers import WorkerIdentity

_THREADS_VARIABLE = "TF_NUM_INTRAOP_THREADS"


def this_worker(name: str | None = None) -> WorkerIdentity:
    """Return this process under a name; without one it is called after its host and process id."""
    host, pid = platform.node(), os.getpid()
    return WorkerIdentity(name=name or f"{host}:{pid}", host=host, pid=pid, n_threads=_n_threads())


def is_gone(worker: WorkerIdentity) -> bool:
    """Return whether a worker's process has ended; of one on another host nobody here can know, so it has not."""
    if worker.host != platform.node():
        return False
    try:
        os.kill(worker.pid, 0)  # sends nothing
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's process
        return False
    return False


def _n_threads() -> int:
    wanted = os.environ.get(_THREADS_VARIABLE, "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else bound_cpus()
