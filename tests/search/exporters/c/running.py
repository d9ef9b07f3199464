"""The generated C of a model beside its trained network, on random input codes."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from search.data.input_grid import InputGrid
from search.exporters.c.exporter import write_sources
from search.exporters.c.host import SANITIZERS, HostProgram
from search.exporters.c.lowering import lower
from search.exporters.c.program import Program
from search.exporters.c.reference import run_reference
from search.metrics.cost import candidate_cost
from search.models.trained_model import TrainedModel

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


@dataclass(frozen=True)
class Comparison:
    """How many codes agree, each step on the network's own inputs, and how far the logits are apart."""

    program: Program
    equal_codes: float
    largest_logit_difference: float
    largest_logit: float


def compare(
    model: TrainedModel, grid: InputGrid, folder: Path, *, n: int = 20, flags: Sequence[str] = SANITIZERS
) -> Comparison:
    program = lower(model, grid)
    cost = candidate_cost(model.topology, model.candidate)
    assert (program.constant_bytes, program.plan.ram_bytes) == (cost.size_bytes, cost.ram_bytes)
    write_sources(program, folder)
    codes = np.random.default_rng(5).integers(0, 256, (n, *model.topology.input_shape), dtype=np.uint8)
    reference = run_reference(model, grid.values(codes))
    with HostProgram(folder, program, flags=flags) as host:
        stored = host.stored(codes, reference.codes)
    equal = [(stored[name].reshape(values.shape) == values).ravel() for name, values in reference.codes.items()]
    logits = stored[program.steps[-1].output].reshape(n, -1) * 2.0 ** program.steps[-1].unit_exponent
    return Comparison(
        program=program,
        equal_codes=float(np.concatenate(equal).mean()),
        largest_logit_difference=float(np.abs(logits - reference.logits).max()),
        largest_logit=float(np.abs(reference.logits).max()),
    )
