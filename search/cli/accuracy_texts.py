"""How accuracies of an audited model are written in a terminal."""

from spaces.audit import CleanCount


def beside_attacked(count: CleanCount | None) -> str:
    """Return what stands behind the clean accuracy of the attacked examples: nothing where the rest was not counted."""
    if count is None:
        return ""
    return f", whole test split {count.accuracy:.3f} ({interval_text(count.interval)}) of {count.n_examples:,}"


def interval_text(interval: tuple[float, float]) -> str:
    """Return the bounds of a fraction."""
    return f"{interval[0]:.2f}-{interval[1]:.2f}"
