"""Run as a process of its own: converts a Keras file with hls4ml, checks every type, and simulates the C++.

    python -m search.exporters.hls4ml_process JOB.json

hls4ml looks for Keras under the name `keras`, which is Keras 3 here and fails on layers of Keras 2. In this process the
name stands for `tf_keras` from the beginning; so it must be no other process.
"""

import importlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

# A type that no rule of hls4ml leads to: where it turns up, a layer fell back to the project's default.
FALLBACK = "fixed<61,29>"
BINARY = "xnor"  # our name for the type of 1-bit kernels
_BACKEND = "Vivado"
_COMPILED = ("*.so", "*.o", "*.a", "*.tar.gz")


def main(job_file: str) -> None:
    """Convert, check, write the project, and where inputs are given, compile it and write the logits.

    The job names `keras_file`, `precisions` and `weight_types` of `search.exporters.hls4ml_model`, `project` (the
    folder to be written), `scratch`, `report` (a JSON file to be written), and `inputs` and `logits` or null.
    """
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    _keras_is_tf_keras()
    graph = _convert(job)
    types = _types(graph)
    problems = [
        f"{layer}.{variable} = {kind}"
        for layer, found in types.items()
        for variable, kind in found.items()
        if kind.startswith(FALLBACK.rstrip(">"))
    ]
    if problems:
        sys.exit(f"types that fell back to hls4ml's default: {', '.join(problems)}")
    _check_weights(types, job["weight_types"])
    report: dict[str, Any] = {"types": types}
    if job["inputs"] is not None:
        started = time.monotonic()
        graph.compile()
        report["compile_s"] = time.monotonic() - started
        started = time.monotonic()
        logits = graph.predict(np.ascontiguousarray(np.load(job["inputs"], allow_pickle=False)))
        report["simulation_s"] = time.monotonic() - started
        np.save(job["logits"], logits, allow_pickle=False)
    else:
        graph.write()
    shutil.copytree(job["scratch"], job["project"], ignore=shutil.ignore_patterns(*_COMPILED))
    Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")


def _keras_is_tf_keras() -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    tf_keras = importlib.import_module("tf_keras")
    sys.modules["keras"] = tf_keras
    for name, module in list(sys.modules.items()):
        if name.startswith("tf_keras."):
            sys.modules[f"keras.{name.removeprefix('tf_keras.')}"] = module
    if not hasattr(np, "product"):
        # hls4ml 1.3 calls a name that NumPy 2 has dropped.
        setattr(np, "product", np.prod)  # noqa: B010 - an assignment would name what NumPy's types do not have


def _convert(job: dict[str, Any]) -> Any:
    from search.models.quantize import load_qkeras

    hls4ml = importlib.import_module("hls4ml")
    model = load_qkeras(Path(job["keras_file"]))
    config = hls4ml.utils.config_from_keras_model(
        model, granularity="name", backend=_BACKEND, default_precision=FALLBACK
    )
    config["Model"]["Strategy"] = "Resource"  # a layer of more than some thousand weights cannot be unrolled
    for layer, types in job["precisions"].items():
        config["LayerName"][layer]["Precision"].update(types)
    return hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, output_dir=job["scratch"], backend=_BACKEND, io_type="io_stream"
    )


def _types(graph: Any) -> dict[str, dict[str, str]]:
    """Return layer -> variable -> type, for weights, accumulators and results."""
    found: dict[str, dict[str, str]] = {}
    for layer in graph.get_layers():
        types = {name: _type_name(weight.type.precision) for name, weight in layer.weights.items()}
        types["result"] = str(layer.get_output_variable().type.precision)
        accumulator = layer.get_attr("accum_t")
        if accumulator is not None:
            types["accum"] = str(accumulator.precision)
        found[layer.name] = types
    return found


def _type_name(precision: Any) -> str:
    """Return a type's name, `xnor` for the bit that stands for -1 and 1, which hls4ml prints as one for 0 and 1."""
    is_binary = any(kind.__name__ == "XnorPrecisionType" for kind in type(precision).__mro__)
    return BINARY if is_binary else str(precision)


def _check_weights(types: dict[str, dict[str, str]], expected: dict[str, str]) -> None:
    for layer, kind in expected.items():
        found = types[layer]["weight"]
        if not _same_type(found, kind):
            sys.exit(f"the kernel of {layer} was trained as {kind}, but hls4ml gave it {found}")


def _same_type(found: str, expected: str) -> bool:
    return found == expected or found.startswith(f"{expected.rstrip('>')},")


if __name__ == "__main__":
    main(*sys.argv[1:])
