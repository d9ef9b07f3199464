"""The `c` format: C99 source, compiled and run on every example before it counts, then built and run for devices."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.exporters.base import LOGIT_TOLERANCE, ExportContext, Exported, Logits
from search.exporters.c.device import BOARDS, DeviceResult, run_on_device
from search.exporters.c.host import SANITIZERS, Codes, HostProgram, MissingToolError, runtime_source
from search.exporters.c.lowering import lower
from search.exporters.c.program import Program
from search.exporters.c.reference import run_reference
from search.exporters.c.source import GOLDEN_VECTORS, golden_source, header_source, model_source
from search.exporters.figures import LEAST_EXACT_AGREEMENT, figures_of, require_agreement
from search.models.trained_model import TrainedModel
from spaces.errors import ExportError

LEAST_EQUAL_CODES = 0.9999
RUNTIME_FILES = ("nn_kernels.h", "nn_kernels.c", "golden.h", "selftest.c")


def export_c(model: TrainedModel, folder: Path, context: ExportContext) -> Exported:
    """Write `model.h`, `model.c`, the kernels, and golden vectors with a self-test.

    Raises:
        ExportError: the network needs what the kernels lack, there is no C compiler, or a check failed: the size of the
            constants, the memory, the codes of a layer, a prediction, a run on a device.
    """
    program = lower(model, context.input_grid)
    _check_sizes(program, context)
    write_sources(program, folder)
    codes = context.input_grid.codes(context.x)
    reference = run_reference(model, context.input_grid.values(codes))
    equal, forced = check_codes(program, folder, codes, reference.codes)
    with HostProgram(folder, program) as host:
        clean = host.logits(codes)
        adversarial = np.stack([host.logits(on_grid) for on_grid in adversarial_codes(context)])
    _check_predictions(reference.logits, forced)
    differing = differing_predictions(reference.logits, clean)
    _check_agreement(differing, len(codes))
    golden = np.resize(codes, (GOLDEN_VECTORS, *codes.shape[1:]))
    golden_logits = np.resize(clean, (GOLDEN_VECTORS, clean.shape[1]))
    (folder / "golden.c").write_text(golden_source(golden, golden_logits), encoding="utf-8")
    devices, notes = _run_devices(folder, program, context.cost.macs)
    figures = figures_of(context, _as_logits(program, clean), _as_logits(program, adversarial))
    return Exported(
        checks={
            "compiler_flags": ["-std=c99", "-Wall", "-Wextra", "-Werror", *SANITIZERS],
            "constant_bytes": program.constant_bytes,
            "memory_bytes": program.plan.ram_bytes,
            "equal_codes_by_layer": equal,
            "least_equal_codes": LEAST_EQUAL_CODES,
            "differing_predictions": differing,
            "least_argmax_agreement": LEAST_EXACT_AGREEMENT,
            "golden_vectors": GOLDEN_VECTORS,
            "devices": devices,
        },
        figures=figures,
        deployed_bytes=program.constant_bytes,
        notes=(
            "The adversarial examples were rounded to 8-bit codes inside their balls before the C was run on them.",
            *_differing_note(differing, len(codes)),
            *notes,
        ),
    )


def write_sources(program: Program, folder: Path) -> None:
    """Write everything but the golden vectors."""
    (folder / "model.h").write_text(header_source(program), encoding="utf-8")
    (folder / "model.c").write_text(model_source(program), encoding="utf-8")
    for name in RUNTIME_FILES:
        (folder / name).write_text(runtime_source(name), encoding="utf-8")


def check_codes(
    program: Program, folder: Path, codes: Codes, expected: Mapping[str, Codes]
) -> tuple[dict[str, float], NDArray[np.int32]]:
    """Run the C under sanitizers, every step on the trained network's own codes.

    A code that float32 and fixed point round differently would otherwise count again in every layer after it.

    Args:
        program, folder: what was written where.
        codes: of the inputs.  # [n, ...]
        expected: the trained network's, by activation.  # [n, ...]

    Returns:
        Activation -> fraction of equal codes; the logits.  # [n, n_classes]

    Raises:
        ExportError: fewer than `LEAST_EQUAL_CODES` of a layer's are equal, or a sanitizer found something.
    """
    with HostProgram(folder, program, flags=SANITIZERS) as host:
        stored = host.stored(codes, expected)
    equal = {name: float((stored[name].reshape(values.shape) == values).mean()) for name, values in expected.items()}
    for name, fraction in equal.items():
        if fraction < LEAST_EQUAL_CODES:
            raise ExportError(
                f"the C gives the trained network's code in {fraction:.4%} of the values of {name!r}; at least "
                f"{LEAST_EQUAL_CODES:.2%} are expected."
            )
    return equal, stored[program.steps[-1].output].reshape(len(codes), -1)


def differing_predictions(trained: Logits, found: NDArray[np.int32]) -> list[dict[str, Any]]:
    """Return the examples on which the C predicts another class, with what the trained network's logits differ by.

    A tie of the C's logits alone counts as one where float rounding can have parted the trained network's, since a C
    that gives the same logit to all classes would only have ties.
    """
    differing = []
    rounding = LOGIT_TOLERANCE * float(np.abs(trained).max())
    for index in np.flatnonzero(trained.argmax(axis=1) != found.argmax(axis=1)):
        first, other = int(trained[index].argmax()), int(found[index].argmax())
        margin = float(trained[index, first] - trained[index, other])
        is_tie_in_c = bool(found[index, first] == found[index, other])
        differing.append(
            {
                "example": int(index),
                "trained": first,
                "c": other,
                "margin": margin,
                "is_exact_tie": margin == 0 or (is_tie_in_c and margin <= rounding),
            }
        )
    return differing


def _differing_note(differing: Sequence[Mapping[str, Any]], n_examples: int) -> tuple[str, ...]:
    if not differing:
        return ()
    ties = sum(item["is_exact_tie"] for item in differing)
    return (
        f"The C predicts another class than the trained network on {len(differing)} of {n_examples} examples, {ties} "
        "of them exact ties; the manifest lists them with their margins.",
    )


def adversarial_codes(context: ExportContext) -> list[Codes]:
    """Return the adversarial examples of each radius as codes: the nearest ones that the radius allows."""
    low, high = context.input_range
    return [
        context.input_grid.codes_within(
            changed, low=np.maximum(context.x - epsilon, low), high=np.minimum(context.x + epsilon, high)
        )
        for epsilon, changed in zip(context.epsilons, context.adversarial, strict=True)
    ]


def _check_sizes(program: Program, context: ExportContext) -> None:
    for what, found, counted in (
        ("constants", program.constant_bytes, context.cost.size_bytes),
        ("memory", program.plan.ram_bytes, context.cost.ram_bytes),
    ):
        if found != counted:
            raise ExportError(f"the C has {found} bytes of {what}; the search counted {counted}.")


def _check_predictions(trained: Logits, found: NDArray[np.int32]) -> None:
    wrong = [item for item in differing_predictions(trained, found) if not item["is_exact_tie"]]
    if wrong:
        raise ExportError(f"the C predicts another class on {len(wrong)} of {len(trained)} examples: {wrong[0]}.")


def _check_agreement(differing: Sequence[Mapping[str, Any]], n_examples: int) -> None:
    """Check the answers of the C as it will run, every step on what the C itself stored before; exact ties count."""
    wrong = sum(not item["is_exact_tie"] for item in differing)
    require_agreement(1 - wrong / n_examples, least=LEAST_EXACT_AGREEMENT, n_examples=n_examples, what="the C")


def _as_logits(program: Program, found: NDArray[np.int32]) -> Logits:
    logits: Logits = np.ldexp(found.astype(np.float64), program.steps[-1].unit_exponent).astype(np.float32)
    return logits


def _run_devices(folder: Path, program: Program, macs: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what every board showed; a missing tool chain is a note, since the source is of use without it."""
    found: dict[str, Any] = {}
    try:
        for board in BOARDS:
            found[board.name] = _checked(run_on_device(folder, board), program, macs)
    except MissingToolError as error:
        return found, (f"Not built for Cortex-M: {error}",)
    return found, ()


def _checked(result: DeviceResult, program: Program, macs: int) -> dict[str, Any]:
    name = result.board.name
    if result.failures:
        raise ExportError(f"{result.failures} of {GOLDEN_VECTORS} golden vectors give other logits on {name}.")
    if result.constant_bytes != program.constant_bytes:
        raise ExportError(
            f"model.c has {result.constant_bytes} bytes of constants on {name}; {program.constant_bytes} were written."
        )
    return {
        "flash_bytes": result.flash_bytes,
        "ram_bytes": result.ram_bytes,
        "constant_bytes": result.constant_bytes,
        "emulator": result.board.machine,
        "instructions": result.instructions,
        "instructions_per_mac": round(result.instructions / macs, 3),
    }
