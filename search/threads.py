"""How many processors a process may use, and telling the numeric libraries so before they are imported."""

import os
import sys
from pathlib import Path

from spaces.errors import SetupError

# TensorFlow reads the last two when it is imported, NumPy's linear algebra the first one.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def limit_threads(n_threads: int) -> None:
    """Let this process compute with so many threads; what the environment said before is replaced.

    Raises:
        SetupError: TensorFlow is imported already and would not listen.
    """
    if "tensorflow" in sys.modules:
        raise SetupError(
            "the number of threads must be set before TensorFlow is imported, and it is; start a new process."
        )
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n_threads)))


def available_cpus(*, quota: Path = _QUOTA) -> int:
    """Return how many processors this process may use: those it is bound to, or its container's quota if that is less.

    Args:
        quota: the control group's file; where a system has none, there is no quota.
    """
    return max(1, int(min(bound_cpus(), cpu_quota(quota=quota))))


def bound_cpus() -> int:
    """Return how many processors this process may run on, which is how many threads TensorFlow starts by itself."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(*, quota: Path = _QUOTA) -> float:
    """Return the processor time that a container may use, in processors; infinity without a limit."""
    try:
        allowed_us, period_us = quota.read_text().split()
    except (OSError, ValueError):
        return float("inf")
    return float("inf") if allowed_us == "max" else int(allowed_us) / int(period_us)
