"""How names, numbers and layer policies are written for a reader; shared by figures, tables and the report."""

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

from dashboards.fired_checks import FiredCheck, Suite
from spaces.audit import CleanCount, Comparison
from spaces.candidate import Candidate
from spaces.check_result import CheckResult
from spaces.layer_policy import LayerPolicy
from spaces.norms import Norm
from spaces.objectives import METRICS, Direction
from storage.audit_state import AuditState

_TITLES = {
    "clean_accuracy": "clean accuracy",
    "robust_accuracy": "robust accuracy",
    "size_bytes": "size",
    "ram_bytes": "peak RAM",
    "macs": "MACs",
    "bops": "bit-operations",
}

_NORM_TITLES = {
    Norm.LINF: "L-inf",
    Norm.L2: "L2",
    Norm.WAVEFORM: "waveform L-inf",
    Norm.SNR: "waveform signal-to-noise",
}

# What the mark of `marked_number` means, for captions and legends.
SUSPECT_NOTE = "? behind a number: masking suspect, a check fired"

# Half a step of an 8-bit image, the finest radius that studies use, and the largest radius written as k/255.
_HALF_STEPS_PER_UNIT = 510
_LARGEST_STEP = 16
_TOLERANCE = 1e-6


def metric_title(name: str) -> str:
    """Return a metric's name as it is written on axes and column heads."""
    return _TITLES.get(name, name.replace("_", " "))


def metric_title_with_direction(name: str) -> str:
    """Return the title with an arrow that points to the better side: up where more is better."""
    # A no-break space keeps the arrow on the line of the word.
    return f"{metric_title(name)}\N{NO-BREAK SPACE}{'↑' if METRICS[name] is Direction.MAXIMIZE else '↓'}"


def format_metric(name: str, value: float) -> str:
    """Return a metric's value with its unit: accuracies in percent, sizes in bytes, the rest as counts."""
    if name.endswith("_accuracy"):
        return format_accuracy(value)
    unit = " B" if name.endswith("_bytes") else ""
    return f"{value:,.0f}{unit}"


def whole_test_label(count: CleanCount | None) -> str:
    """Return the clean accuracy on the whole test split with its 95% interval; nothing where it was not counted."""
    if count is None:
        return ""
    return f"{format_accuracy(count.accuracy)} ({format_interval(count.interval)}) of {count.n_examples:,}"


def format_accuracy(value: float) -> str:
    """Return a fraction in percent with one decimal."""
    return f"{value:.1%}"


def format_gain(gain: float | None, interval: tuple[float, float] | None) -> str:
    """Return by how many points one accuracy is above another and how far its bounds are; "" where none is compared."""
    if gain is None or interval is None:
        return ""
    return f"{100 * gain:+.1f} \N{PLUS-MINUS SIGN}{50 * (interval[1] - interval[0]):.1f}"


def star(comparison: Comparison | None) -> str:
    """Return what stands behind an accuracy of which a paired test finds that another model's differs; else nothing."""
    return "*" if comparison is not None and comparison.is_significant else ""


def format_interval(interval: tuple[float, float]) -> str:
    """Return the bounds of a fraction in percent with one decimal, without the sign."""
    low, high = interval
    return f"{100 * low:.1f}\N{EN DASH}{100 * high:.1f}"


def format_jr_weight(value: float) -> str:
    """Return a Jacobian weight as short as it gets: 0, 0.01, 3e-4."""
    if value == 0:
        return "0"
    text = f"{value:.1e}" if value < 0.01 or value >= 100 else f"{value:.3g}"
    mantissa, mark, exponent = text.partition("e")
    return f"{float(mantissa):g}e{int(exponent)}" if mark else text


def format_duration(seconds: float) -> str:
    """Return a span of time in its two largest units: 42 s, 3 min 20 s, 5 h 10 min, 2 d 3 h."""
    whole = max(round(seconds), 0)
    for unit_s, unit, part_s, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            rest = whole % unit_s // part_s
            return f"{whole // unit_s} {unit}{f' {rest} {part}' if rest else ''}"
    return f"{whole} s"


def are_image_steps(epsilons: Sequence[float]) -> bool:
    """Return whether the radii read as steps of an 8-bit image: multiples of 1/510 up to 16/255.

    Decided from the values alone, so a grid of an image study made with other radii stays decimal.
    """
    half_steps = [epsilon * _HALF_STEPS_PER_UNIT for epsilon in epsilons]
    return all(
        abs(value - round(value)) < _TOLERANCE and value <= 2 * _LARGEST_STEP + _TOLERANCE for value in half_steps
    )


def epsilon_labels(epsilons: Sequence[float]) -> tuple[str, ...]:
    """Return one label per radius: `k/255` where the whole grid consists of image steps, else decimals; 0 is "0"."""
    if are_image_steps(epsilons):
        return tuple(f"{round(epsilon * _HALF_STEPS_PER_UNIT) / 2:g}/255" if epsilon else "0" for epsilon in epsilons)
    return tuple(f"{epsilon:g}" for epsilon in epsilons)


def norm_title(norm: Norm) -> str:
    """Return a norm as it is written on axes and column heads."""
    return _NORM_TITLES[norm]


def radius_labels(norm: Norm, epsilons: Sequence[float]) -> tuple[str, ...]:
    """Return one label per radius of a norm: `epsilon_labels` for L-inf, three decimals for L2; dB for ratios."""
    return _RADIUS_LABELS[norm](epsilons)


def marked_number(number: int, *, is_suspect: bool) -> str:
    """Return a trial's number, with a question mark behind it where its robust accuracy is in doubt."""
    return marked(str(number), is_suspect=is_suspect)


def marked(label: str, *, is_suspect: bool) -> str:
    """Return a label, with a question mark behind it where the figures are in doubt."""
    return f"{label}{'?' if is_suspect else ''}"


def with_suspect_note(caption: str, *, has_suspects: bool) -> str:
    """Return a caption, with the meaning of the question marks behind it where there are any."""
    return f"{caption}; {SUSPECT_NOTE}" if has_suspects else caption


def format_check(check: CheckResult) -> str:
    """Return what a check measured and, in brackets, what it was held against."""
    return f"{check.value:.3g} ({check.bound:.3g})"


def audit_options(n_examples: int, *, is_quick: bool) -> str:
    """Return the options of `audit`, `reference` and `compare` that name an audit by its size."""
    return f"--images {n_examples}{' --quick' if is_quick else ''}"


def stored_options(audits: Iterable[AuditState]) -> str:
    """Return the options of stored audits, each once: what a later version made anew stands beside the older."""
    options = (audit_options(audit.n_examples, is_quick=audit.is_quick) for audit in audits)
    return ", ".join(dict.fromkeys(options)) or "none"


def fired_lines(fired: Sequence[FiredCheck]) -> tuple[str, ...]:
    """Return one line per check that fired: where, its name, value and bound."""
    return tuple(
        f"check fired{' in the audit' if item.suite is Suite.AUDIT else ''}: {item.check.name} "
        f"{item.check.value:.3g}, bound {item.check.bound:.3g}"
        for item in fired
    )


def layer_line(name: str, policy: LayerPolicy) -> str:
    """Return what one layer gets in one line; W and A are the bits of weights and, where there are, activations."""
    activation = "" if policy.activation_bits is None else f" A{policy.activation_bits}"
    return f"{name}: W{policy.weight_bits}{activation} JR {format_jr_weight(policy.jr_weight)}"


def layer_lines(candidate: Candidate) -> tuple[str, ...]:
    """Return one line per layer, in the topology's order."""
    return tuple(layer_line(name, policy) for name, policy in candidate.policies.items())


def as_sentence(note: str) -> str:
    """Return an info's note with a capital and a full stop."""
    return f"{note[:1].upper()}{note[1:]}."


def as_plot_text(text: str) -> str:
    """Escape a study's text for a figure: Plotly reads tags such as <b> or <a> in titles and hover boxes."""
    return escape(text, quote=False)


_RADIUS_LABELS: dict[Norm, Callable[[Sequence[float]], tuple[str, ...]]] = {
    Norm.LINF: epsilon_labels,
    Norm.L2: lambda epsilons: tuple(f"{epsilon:.3f}" for epsilon in epsilons),
    Norm.WAVEFORM: lambda epsilons: tuple(f"{epsilon:g} steps" for epsilon in epsilons),
    Norm.SNR: lambda epsilons: tuple(f"{-20 * math.log10(epsilon):.0f} dB" for epsilon in epsilons),
}
