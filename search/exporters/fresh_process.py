"""Exported files read back and run in a process of their own, which has nothing of the one that wrote them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from search.data.dataset import Inputs
from search.exporters.base import Logits
from spaces.errors import ExportError

_MODULE = "search.exporters.readback"


def run_fresh(format_name: str, folder: Path, x: Inputs) -> Logits:
    """Return the logits [n, n_classes] of a format's files for inputs [n, ...], computed in a fresh process.

    Args:
        format_name: a name of `search.exporters.readback.READERS`.
        folder: of the format's files.
        x: inputs in input units.

    Raises:
        ExportError: the process failed.
    """
    with tempfile.TemporaryDirectory(prefix="readback-") as scratch:
        given, found = Path(scratch) / "inputs.npy", Path(scratch) / "logits.npy"
        np.save(given, x, allow_pickle=False)
        run_module(_MODULE, format_name, str(folder), str(given), str(found), what=f"{format_name}: reading it back")
        logits: Logits = np.load(found, allow_pickle=False)
    if len(logits) != len(x) or not np.isfinite(logits).all():
        raise ExportError(f"{format_name}: the files give {logits.shape} logits for {len(x)} inputs, or infinite ones.")
    return logits


def run_module(module: str, *arguments: str, what: str) -> None:
    """Run a module of the service in a fresh process.

    Args:
        module: as `python -m` takes it.
        arguments: of its command line.
        what: is done, for the error.

    Raises:
        ExportError: the process failed; the message ends with its last line.
    """
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
        raise ExportError(f"{what} failed in a fresh process: {reason}")
