"""The model card of an export: what the model is for, what it was found to do, and where its limits are."""

from collections.abc import Mapping
from typing import Any

from search.exporters.audits import audit_lines
from search.exporters.base import ArtefactFigures
from search.exporters.figures import trained_figures
from search.exporters.manifest import Parts
from search.exporters.names import FORMATS
from spaces.measurement import Measurement
from spaces.statistics import wilson_interval

_LIMITS = (
    "An artefact's robust accuracy is transferred: the adversarial examples were made on the trained network. An "
    "attack on the artefact itself may find more.",
    "The search's attacks take seconds. `python -m search audit` tells how much of the robust accuracy is left under "
    "attacks that take minutes.",
    "The radii are L-inf radii in the units of the model's inputs; nothing is said of other changes of the input, nor "
    "of inputs unlike those of the data set.",
)


def make_model_card(parts: Parts, manifest: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    measurement = parts.trial.measurement
    sections = [
        f"# {parts.study.name}, trial {parts.trial.number}",
        _purpose(parts),
        "## Figures on test examples",
        _figures_table(parts),
        f"Robust accuracy is the mean over the L-inf radii {_listed(parts.context.epsilons)}, in input units. In "
        "brackets stand 95% Wilson intervals; a mean over radii varies less than one fraction, so its own is narrower.",
        "## Figures of the search",
        _search_figures(parts, measurement),
        "## Checks that fired in the search",
        _fired(measurement),
        "## Audits",
        audit_lines(parts.audits),
        "## Layers",
        _layers_table(parts),
        "## Formats",
        "\n".join(_format_lines(parts)),
        "## Limits",
        "\n".join(f"- {sentence}" for sentence in (*parts.notes, *_LIMITS)),
        "## Where it comes from",
        f"Spec fingerprint `{manifest['spec_fingerprint']}`, data fingerprint "
        f"`{manifest['data'].get('fingerprint', 'unknown')}`, seed {parts.trial.seed}. `manifest.json` holds the whole "
        "specification, the versions of all tools, and the SHA-256 of every file.",
    ]
    return "\n\n".join(sections) + "\n"


def _purpose(parts: Parts) -> str:
    data, cost, target = parts.study.data, parts.context.cost, parts.context.target
    shape = " x ".join(str(size) for size in parts.context.x.shape[1:])
    low, high = parts.context.input_range
    device = "" if target is None else f" Made for target {target.name}: {target.description}"
    return (
        f"A quantized classifier for {data['name']}: it takes inputs of shape {shape} with values in [{low:g}, "
        f"{high:g}] and gives {parts.context.logits.shape[-1]} logits; the largest is the answer, the first of equal "
        f"ones. {cost.size_bytes:,} bytes of parameters, {cost.ram_bytes:,} bytes of activations, {cost.macs:,} "
        f"multiply-accumulates.{device}"
    )


def _figures_table(parts: Parts) -> str:
    cost = parts.context.cost
    rows: list[tuple[str, ArtefactFigures, int | None]] = [("trained", trained_figures(parts.context), cost.size_bytes)]
    rows += [(name, item.figures, item.deployed_bytes) for name, item in parts.exported.items() if item.figures]
    lines = [
        "| network | clean accuracy | robust accuracy | same answer as trained | bytes | examples |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures, size_bytes in rows:
        size = "" if size_bytes is None else f"{size_bytes:,}"
        agreement = _percent(figures.argmax_agreement, figures.n_examples)
        lines.append(
            f"| {name} | {_percent(figures.clean_accuracy, figures.n_examples)} | "
            f"{_percent(figures.robust_accuracy, figures.n_examples)} | {agreement} | {size} | {figures.n_examples} |"
        )
    return "\n".join(lines)


def _percent(fraction: float, n_examples: int) -> str:
    low, high = wilson_interval(fraction, n_examples)
    return f"{100 * fraction:.1f}% [{100 * low:.1f}, {100 * high:.1f}]"


def _search_figures(parts: Parts, measurement: Measurement | None) -> str:
    if measurement is None:
        return "None are stored."
    n_validation = parts.study.data.get("validation_examples")
    n_attacked = parts.study.data.get("attack_examples")
    clean = _of(measurement.clean_accuracy, n_validation)
    lines = [f"- clean accuracy on the validation split: {clean}"]
    lines.append(f"- robust accuracy on its attack subset: {_of(measurement.robust_accuracy, n_attacked)}")
    for epsilon, accuracy in zip(measurement.epsilons, measurement.worst_case, strict=True):
        lines.append(f"    - at radius {epsilon:.4g}: {_of(accuracy, n_attacked)}")
    return "\n".join(lines)


def _of(fraction: float, n_examples: int | None) -> str:
    return f"{100 * fraction:.1f}%" if not n_examples else f"{_percent(fraction, n_examples)} of {n_examples} examples"


def _fired(measurement: Measurement | None) -> str:
    fired = [] if measurement is None else [check for check in measurement.checks if not check.passed]
    if not fired:
        return "None." if measurement is not None and measurement.checks else "No checks are stored with this trial."
    return "\n".join(f"- {check.name}: {check.value:g}, bound {check.bound:g}" for check in fired)


def _layers_table(parts: Parts) -> str:
    lines = ["| layer | weight bits | activation bits | Jacobian weight |", "|---|---|---|---|"]
    for name, policy in parts.trial.candidate.policies.items():
        activation = "" if policy.activation_bits is None else str(policy.activation_bits)
        lines.append(f"| {name} | {policy.weight_bits} | {activation} | {policy.jr_weight:g} |")
    return "\n".join(lines)


def _format_lines(parts: Parts) -> list[str]:
    lines = []
    for name, exported in parts.exported.items():
        lines.append(f"- `{name}/`: {FORMATS[name]}.")
        lines += [f"    - {note}" for note in exported.notes]
    return lines


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
