"""How figures of synthetic data are marked, wherever the command line shows them."""

MARK = "(synthetic)"


def synthetic_warning() -> str:
    """Return what the figures of synthetic data are worth, in the words of the report."""
    # Imported here, because it comes with Plotly, which only studies on synthetic data have to wait for.
    from dashboards.figures.frame import SYNTHETIC_WARNING

    return SYNTHETIC_WARNING
