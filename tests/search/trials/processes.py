"""Workers of this host whose process lives or has ended."""

import os
import platform
import subprocess
import sys

from storage.workers import WorkerIdentity


def ended_process(name: str) -> WorkerIdentity:
    """Return a worker whose process was there a moment ago."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return WorkerIdentity(name=name, host=platform.node(), pid=process.pid, n_threads=1)


def living_process(name: str) -> WorkerIdentity:
    """Return a worker whose process outlives the test."""
    return WorkerIdentity(name=name, host=platform.node(), pid=os.getppid(), n_threads=1)
