"""Run as a process of its own: reads an export's files with the tools of its users and writes the logits they give.

python -m search.exporters.readback FORMAT FOLDER INPUTS.npy LOGITS.npy
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from search.data.dataset import Inputs
from search.exporters.base import Logits, RunArtefact

_BATCH = 256


def read_keras(folder: Path) -> RunArtefact:
    """Load `model.h5`."""
    from search.models.quantize import load_qkeras

    model = load_qkeras(folder / "model.h5")
    return lambda x: np.asarray(model(x))


READERS: dict[str, Callable[[Path], RunArtefact]] = {"keras": read_keras}


def run_in_batches(run: RunArtefact, x: Inputs) -> Logits:
    """Return logits for any number of inputs."""
    return np.concatenate([run(x[begin : begin + _BATCH]) for begin in range(0, len(x), _BATCH)])


def main(format_name: str, folder: str, inputs: str, logits: str) -> None:
    """Read, run, write."""
    run = READERS[format_name](Path(folder))
    np.save(logits, run_in_batches(run, np.load(inputs, allow_pickle=False)), allow_pickle=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
