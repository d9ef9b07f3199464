"""Speed of the C export: instructions on Cortex-M, counted in QEMU, and time on this machine beside TensorFlow Lite.

python -m tests.benchmarks.export --json FILE      # ResNet-8 at 8, 4, 2 and 1 bits; --bits, --rounds,
                                                   # --skip-devices, --skip-host
"""

import argparse
import ctypes
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from search.data.input_grid import InputGrid
from search.exporters.c.device import BOARDS, run_on_device
from search.exporters.c.exporter import write_sources
from search.exporters.c.host import STRICT, HostProgram, find_tool, run_tool
from search.exporters.c.lowering import lower
from search.exporters.c.source import GOLDEN_VECTORS, golden_source
from search.exporters.tflite_graph import convert
from search.metrics.cost import candidate_cost
from search.models.topologies import resnet8
from search.models.trained_model import TrainedModel
from spaces.study_spec import TopologySpec
from tests.benchmarks.side_by_side import interleaved, median_ratio
from tests.search.models.builders import filled_network, make_integer_bits, uniform_candidate

_GRID = InputGrid(scale=1 / 255)
_RESOLVERS = {"tflite_reference": OpResolverType.BUILTIN_REF, "tflite_default": OpResolverType.AUTO}


def uniform_model(bits: int) -> TrainedModel:
    """Return ResNet-8 with random weights of one width; activations of 8 bits, or as few as the weights, but 2."""
    topology = resnet8.build(input_shape=(32, 32, 3), n_classes=10, width=1.0)
    return TrainedModel(
        topology_spec=TopologySpec(name="resnet8"),
        topology=topology,
        candidate=uniform_candidate(topology, weight_bits=bits, activation_bits=max(bits, 2)),
        integer_bits=make_integer_bits(topology),
        weights=filled_network(topology, seed=1).weights(),
    )


def measure(bits: int, *, rounds: int, devices: bool, host: bool) -> dict[str, Any]:
    """Return what one width takes."""
    model = uniform_model(bits)
    cost = candidate_cost(model.topology, model.candidate)
    codes = np.random.default_rng(0).integers(0, 256, (GOLDEN_VECTORS, *model.topology.input_shape), dtype=np.uint8)
    row: dict[str, Any] = {"bits": bits, "macs": cost.macs, "size_bytes": cost.size_bytes, "ram_bytes": cost.ram_bytes}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = lower(model, _GRID)
        write_sources(program, folder)
        with HostProgram(folder, program) as compiled:
            (folder / "golden.c").write_text(golden_source(codes, compiled.logits(codes)), encoding="utf-8")
        for board in BOARDS if devices else ():
            result = run_on_device(folder, board)
            row[board.name] = {
                "flash_bytes": result.flash_bytes,
                "ram_bytes": result.ram_bytes,
                "instructions": result.instructions,
                "instructions_per_mac": result.instructions / cost.macs,
                "failures": result.failures,
            }
        if host:
            row.update(_beside_tflite(model, folder, codes, rounds=rounds))
    return row


def _beside_tflite(model: TrainedModel, folder: Path, codes: Any, *, rounds: int) -> dict[str, Any]:
    library = folder / "model.so"
    sources = (str(folder / "model.c"), str(folder / "nn_kernels.c"))
    command = (find_tool("gcc", "gcc"), *STRICT, "-O3", "-shared", "-fPIC", "-o", str(library), *sources)
    run_tool(command, what="gcc")
    network = ctypes.CDLL(str(library))
    network.model_input.restype = ctypes.c_void_p

    def run_c() -> None:
        ctypes.memmove(network.model_input(), codes[0].ctypes.data, codes[0].size)
        network.model_run()

    content = convert(model, calibration=_GRID.values(codes), input_range=(0.0, 1.0))
    variants: dict[str, Callable[[], object]] = {"c": run_c}
    for name, resolver in _RESOLVERS.items():
        interpreter = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        variants[name] = interpreter.invoke
    times = interleaved(variants, rounds=rounds)
    return {
        "median_ms": {name: 1e3 * float(np.median(values)) for name, values in times.items()},
        "reference_over_c": median_ratio(times, "tflite_reference", "c"),
        "default_over_c": median_ratio(times, "tflite_default", "c"),
        "tflite_bytes": len(content),
    }


def _line(row: Mapping[str, Any]) -> str:
    per_mac = ", ".join(f"{b.name} {row[b.name]['instructions_per_mac']:.2f}" for b in BOARDS if b.name in row)
    line = f"{row['bits']} bits: instructions per MAC {per_mac or 'not counted'}"
    if "median_ms" not in row:
        return line
    ratios = f"reference / c {row['reference_over_c']:.2f}, default / c {row['default_over_c']:.2f}"
    return f"{line}; {ratios}; {row['median_ms']}"


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 4, 2, 1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--skip-devices", action="store_true")
    parser.add_argument("--skip-host", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for bits in options.bits:
        row = measure(bits, rounds=options.rounds, devices=not options.skip_devices, host=not options.skip_host)
        print(_line(row), flush=True)
        rows.append(row)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
