"""Cortex-M builds in QEMU: the same logits, the counted constants and memory, the instruction counts of known code."""

from pathlib import Path

import numpy as np
import pytest

from search.data.input_grid import InputGrid
from search.exporters.c.device import BOARDS, Board, run_on_device
from search.exporters.c.exporter import write_sources
from search.exporters.c.host import HostProgram
from search.exporters.c.lowering import lower
from search.exporters.c.source import GOLDEN_VECTORS, golden_source
from search.models.topologies import digits_cnn
from search.models.trained_model import TrainedModel
from spaces.study_spec import TopologySpec
from tests.search.exporters.builders import make_model
from tests.search.models.builders import filled_network, make_integer_bits, uniform_candidate

pytestmark = pytest.mark.mcu

# Debian's QEMU has a real M0, with 16 KB of RAM: enough for digits.
MICROBIT = Board(
    name="cortex-m0", cpu=("-mcpu=cortex-m0",), machine="microbit", flash_bytes=256 << 10, ram_bytes=16 << 10
)


def digits_model(weight_bits: int) -> TrainedModel:
    topology = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=1.0)
    return TrainedModel(
        topology_spec=TopologySpec(name="digits_cnn"),
        topology=topology,
        candidate=uniform_candidate(topology, weight_bits=weight_bits, activation_bits=8),
        integer_bits=make_integer_bits(topology),
        weights=filled_network(topology, seed=2).weights(),
    )


def write(model: TrainedModel, folder: Path) -> tuple[int, int]:
    """Write an export with golden vectors; return its bytes of constants and of memory."""
    program = lower(model, InputGrid(scale=1 / 255))
    write_sources(program, folder)
    shape = (GOLDEN_VECTORS, *model.topology.input_shape)
    codes = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    with HostProgram(folder, program) as host:
        logits = host.logits(codes)
    (folder / "golden.c").write_text(golden_source(codes, logits), encoding="utf-8")
    return program.constant_bytes, program.plan.ram_bytes


@pytest.mark.parametrize("board", [*BOARDS, MICROBIT], ids=lambda board: board.name)
@pytest.mark.parametrize("shift", [0, 2, 4])
def test_every_width_gives_the_same_logits_on_a_device(shift: int, board: Board, tmp_path: Path) -> None:
    constant_bytes, memory_bytes = write(make_model(shift=shift), tmp_path)
    result = run_on_device(tmp_path, board)
    assert result.failures == 0
    assert result.constant_bytes == constant_bytes
    assert result.ram_bytes == memory_bytes
    assert constant_bytes < result.flash_bytes < constant_bytes + 16_384


def test_a_wrong_golden_vector_is_found(tmp_path: Path) -> None:
    write(make_model(), tmp_path)
    source = (tmp_path / "golden.c").read_text(encoding="utf-8")
    at = source.index("logits[") + source[source.index("logits[") :].index("{\n    ") + 6
    (tmp_path / "golden.c").write_text(source[:at] + "1 + " + source[at:], encoding="utf-8")
    assert run_on_device(tmp_path, BOARDS[0]).failures == 1


def test_fewer_bits_never_take_more_instructions_on_a_cortex_m4(tmp_path: Path) -> None:
    counts = [instructions(bits, tmp_path) for bits in (8, 4, 2, 1)]
    assert counts == sorted(counts, reverse=True)


def test_widths_that_fill_no_bytes_take_at_most_a_fifth_more_on_a_cortex_m4(tmp_path: Path) -> None:
    most = 1.2 * instructions(8, tmp_path)
    assert instructions(6, tmp_path) < most
    assert instructions(3, tmp_path) < most


def instructions(bits: int, folder: Path) -> int:
    """Return the instructions of an inference of the digits network on a Cortex-M4F."""
    (folder / str(bits)).mkdir()
    write(digits_model(bits), folder / str(bits))
    return run_on_device(folder / str(bits), BOARDS[0]).instructions
