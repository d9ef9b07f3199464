"""The C source of an integer program: constants, one function for each step, and a header."""

import math
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from search.exporters.c.program import LayerProgram, Program, StepProgram, TermProgram

GOLDEN_VECTORS = 4  # as in runtime/golden.h

_ROW = 110  # characters of a line of numbers


def header_source(program: Program) -> str:
    """Return `model.h`."""
    shape = " x ".join(str(size) for size in program.input_shape)
    return f"""\
/* Generated. An integer network: {shape} codes in, {program.n_classes} logits out. Not reentrant. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_INPUTS {math.prod(program.input_shape)}
#define MODEL_CLASSES {program.n_classes}
#define MODEL_CONSTANT_BYTES {program.constant_bytes} /* weights, biases, multipliers and shifts */
#define MODEL_MEMORY_BYTES {program.plan.ram_bytes} /* one static block: input, activations, working memory, logits */
#define MODEL_LOGIT_EXPONENT ({program.steps[-1].unit_exponent}) /* a logit is its integer times 2 to this */

/* MODEL_INPUTS codes, row by row, channels last; model_run writes over them. */
uint8_t *model_input(void);

/* Runs the network and returns the class of the largest logit, the first of equal ones. */
uint32_t model_run(void);

/* MODEL_CLASSES integers, valid until the next input is written. */
const int32_t *model_logits(void);

#endif
"""


def model_source(program: Program) -> str:
    """Return `model.c`."""
    names = _identifiers(program)
    parts = [
        '/* Generated. */\n#include "model.h"\n\n#include "nn_kernels.h"\n\n#include <stddef.h>\n',
        "/* Called after every step where a test wants to see what it stored. */\n"
        "#ifndef MODEL_AFTER_STEP\n#define MODEL_AFTER_STEP(values, bytes, is_codes) ((void)0)\n#endif\n",
        "static int32_t memory[MODEL_MEMORY_BYTES / 4];\n",
        *(_constants(layer, names[layer.name]) for step in program.steps for layer in step.layers),
        _size_check(program, names),
        "static uint8_t *bytes_at(uint32_t offset)\n{\n    return (uint8_t *)memory + offset;\n}\n",
        *(_step(program, step, names) for step in program.steps),
        _entry_points(program, names),
    ]
    return "\n".join(parts)


def golden_source(codes: NDArray[np.uint8], logits: NDArray[np.int32]) -> str:
    """Return `golden.c`: inputs [GOLDEN_VECTORS, ...] and their logits [GOLDEN_VECTORS, n_classes]."""
    return (
        '/* Generated. */\n#include "golden.h"\n\n#include <string.h>\n\n'
        + _array("uint8_t", "inputs", codes.ravel())
        + _array("int32_t", "logits", logits.ravel())
        + """
uint32_t golden_failures(void)
{
    uint32_t failures = 0;
    for (uint32_t i = 0; i < GOLDEN_VECTORS; i++) {
        memcpy(model_input(), inputs + i * MODEL_INPUTS, MODEL_INPUTS);
        model_run();
        failures += memcmp(model_logits(), logits + i * MODEL_CLASSES, sizeof(int32_t) * MODEL_CLASSES) != 0;
    }
    return failures;
}
"""
    )


def _constants(layer: LayerProgram, name: str) -> str:
    arrays = [_array("uint8_t", f"{name}_weights", layer.weights), _array("int32_t", f"{name}_biases", layer.biases)]
    if layer.multipliers is not None:
        arrays.append(_array("int32_t", f"{name}_multipliers", layer.multipliers))
    arrays.append(_array("int8_t", f"{name}_shifts", layer.shifts))
    return "".join(arrays)


def _array(kind: str, name: str, values: Iterable[int]) -> str:
    numbers = [_literal(int(value)) for value in values]
    lines, line = [], ""
    for number in numbers:
        if len(line) + len(number) + 2 > _ROW:
            lines.append(line.rstrip())
            line = ""
        line += f"{number}, "
    lines.append(line.rstrip(", "))
    body = "\n    ".join(lines)
    return f"static const {kind} {name}[{len(numbers)}] = {{\n    {body}\n}};\n"


def _literal(value: int) -> str:
    return "INT32_MIN" if value == -(2**31) else str(value)


def _size_check(program: Program, names: dict[str, str]) -> str:
    sizes = [
        f"sizeof {names[layer.name]}_{field}"
        for step in program.steps
        for layer in step.layers
        for field in ("weights", "biases", *(() if layer.multipliers is None else ("multipliers",)), "shifts")
    ]
    total = "\n    + ".join(sizes)
    return f"typedef char constants_have_the_size_that_was_counted[(\n    {total}) == MODEL_CONSTANT_BYTES ? 1 : -1];\n"


def _step(program: Program, step: StepProgram, names: dict[str, str]) -> str:
    """Return a function that runs a step; assignments, so that no geometry becomes a constant in memory."""
    output = _at(program, step.output)
    head = f"static void {names[step.output]}(void)\n{{\n"
    if step.pooled_area is not None:
        source = _at(program, step.terms[0].source)
        return f"{head}    nn_pool({source}, (int32_t *){output}, {step.pooled_area}, {step.shape[-1]});\n}}\n"
    lines = []
    if step.layers:
        lines.append(f"struct nn_layer layers[{len(step.layers)}];")
    if step.terms:
        lines.append(f"struct nn_term terms[{len(step.terms)}];")
    lines.append("struct nn_step step;\n")
    for index, layer in enumerate(step.layers):
        lines += [f"layers[{index}].{field} = {value};" for field, value in _layer_fields(program, layer, names)]
    for index, term in enumerate(step.terms):
        lines += [f"terms[{index}].{field} = {value};" for field, value in _term_fields(program, term)]
    lines += [f"step.{field} = {value};" for field, value in _step_fields(step, output)]
    lines.append("nn_run(&step);")
    return head + "".join(f"    {line}\n" for line in lines) + "}\n"


_Fields = list[tuple[str, str | int]]


def _layer_fields(program: Program, layer: LayerProgram, names: dict[str, str]) -> _Fields:
    name = names[layer.name]
    fields: _Fields = [
        ("input", _at(program, layer.source)),
        ("weights", f"{name}_weights"),
        ("biases", f"{name}_biases"),
        ("multipliers", "NULL" if layer.multipliers is None else f"{name}_multipliers"),
        ("shifts", f"{name}_shifts"),
        ("scratch", "NULL" if layer.scratch is None else f"bytes_at({layer.scratch})"),
        ("multiplier", layer.multiplier),
    ]
    for field, values in (
        ("in_height in_width in_channels", layer.in_shape),
        ("kernel_height kernel_width", layer.kernel_size),
        ("stride_y stride_x", layer.strides),
        ("pad_top pad_left", layer.pads),
    ):
        fields += zip(field.split(), values, strict=True)
    fields += [
        ("out_channels", len(layer.biases)),
        ("kind", layer.kind.value),
        ("bits", layer.bits),
        ("zero", layer.zero),
    ]
    return fields


def _term_fields(program: Program, term: TermProgram) -> _Fields:
    return [("values", _at(program, term.source)), ("shift", term.shift), ("is_wide", int(term.is_wide))]


def _step_fields(step: StepProgram, output: str) -> _Fields:
    return [
        ("layers", "layers" if step.layers else "NULL"),
        ("terms", "terms" if step.terms else "NULL"),
        ("sums", f"(int32_t *)bytes_at({step.sums})"),
        ("output", output),
        *zip(("height", "width", "channels"), step.shape, strict=True),
        ("n_layers", len(step.layers)),
        ("n_terms", len(step.terms)),
        ("fraction", step.fraction),
        ("max_code", step.max_code or 0),
    ]


def _entry_points(program: Program, names: dict[str, str]) -> str:
    logits = _at(program, program.steps[-1].output)
    calls = "".join(
        f"    {names[step.output]}();\n"
        f"    MODEL_AFTER_STEP({_at(program, step.output)}, {_stored_bytes(step)}, {int(step.max_code is not None)});\n"
        for step in program.steps
    )
    return (
        f"uint8_t *model_input(void)\n{{\n    return {_at(program, program.input)};\n}}\n\n"
        f"const int32_t *model_logits(void)\n{{\n    return (const int32_t *){logits};\n}}\n\n"
        f"uint32_t model_run(void)\n{{\n{calls}    return nn_argmax(model_logits(), MODEL_CLASSES);\n}}\n"
    )


def _stored_bytes(step: StepProgram) -> int:
    return math.prod(step.shape) * (4 if step.max_code is None else 1)


def _at(program: Program, node: str) -> str:
    return f"bytes_at({program.plan.buffers[node].offset})"


def _identifiers(program: Program) -> dict[str, str]:
    """Return node name -> C identifier; different names give different identifiers."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for step in program.steps:
        for node in (*(layer.name for layer in step.layers), step.output):
            # With a prefix, no name is a keyword or one of the header's.
            base = "node_" + re.sub(r"\W", "_", node, flags=re.ASCII)
            name, number = base, 2
            while name in taken:
                name, number = f"{base}_{number}", number + 1
            if node not in names:
                names[node] = name
                taken.add(name)
    return names
