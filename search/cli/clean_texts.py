"""How the clean accuracy of an audited model is written in a terminal."""

from spaces.audit import CleanCount


def beside_attacked(count: CleanCount | None) -> str:
    """Return what stands behind the clean accuracy of the attacked examples: nothing where the rest was not counted."""
    if count is None:
        return ""
    low, high = count.interval
    return f", whole test split {count.accuracy:.3f} ({low:.2f}-{high:.2f}) of {count.n_examples:,}"
