"""A study's figures as files for papers: PNG, SVG or PDF, drawn by Kaleido in a Chromium that is at hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go
import plotly.io as pio

from dashboards.figures import (
    plot_attack_curves,
    plot_audit_curves,
    plot_hypervolume,
    plot_layer_choices,
    plot_pareto_front_3d,
    plot_pareto_projections,
    plot_robustness_curves,
)
from dashboards.figures.frame import add_to_subtitle
from dashboards.figures.reference_comparison import plot_reference_comparison
from dashboards.infos import (
    audit_curves_info,
    hypervolume_info,
    layer_choices_info,
    pareto_front_info,
    robustness_curves_info,
)
from dashboards.infos.reference_comparison import reference_comparison_info
from dashboards.snapshot import StudySnapshot
from spaces.errors import ExportError

IMAGE_FORMATS = ("png", "svg", "pdf")
_WIDTH = 1000  # CSS pixels, the width of a page
_WITHOUT = "pages in HTML need none of it"
_SCALE = 2.0  # of pixels, so that print looks sharp


def study_figures(snapshot: StudySnapshot, *, chosen: Sequence[int] | None = None) -> dict[str, go.Figure]:
    """Return the figures that a study has something to show in, by name, each with the note of the study's data.

    Args:
        snapshot: the study as read, with its audits and reference models.
        chosen: trials of the curves; None takes the baselines and a few of the front.

    Raises:
        SelectionError: a chosen trial does not exist.
    """
    figures: dict[str, go.Figure] = {}
    front = pareto_front_info(snapshot)
    if not front.note:
        if len(front.objectives) >= 3:
            figures["front-3d"] = plot_pareto_front_3d(front)
        figures["front"] = plot_pareto_projections(front)
    layers = layer_choices_info(snapshot)
    if not layers.note:
        figures["layers"] = plot_layer_choices(layers)
    hypervolume = hypervolume_info(snapshot)
    if not hypervolume.note and len(hypervolume.steps) > 1:  # the first one is the empty front
        figures["hypervolume"] = plot_hypervolume(hypervolume)
    curves = robustness_curves_info(snapshot, chosen)
    if not curves.note:
        figures["robustness"] = plot_robustness_curves(curves)
        if curves.attacks:
            figures["attacks"] = plot_attack_curves(curves)
    audits = audit_curves_info(snapshot, chosen)
    if not audits.note:
        figures["audits"] = plot_audit_curves(audits)
    for name in (record.name for record in snapshot.references):
        beside = reference_comparison_info(snapshot, name)
        figures[f"reference-{name}"] = plot_reference_comparison(beside, is_synthetic=snapshot.study.is_synthetic)
    if snapshot.study.shown_data_note:
        for figure in figures.values():
            add_to_subtitle(figure, f"data: {snapshot.study.shown_data_note}")
    return figures


def write_images(figures: Mapping[str, go.Figure], folder: Path, *, image_format: str) -> list[Path]:
    """Write each figure as `<folder>/<name>.<format>` and return the files.

    Raises:
        ExportError: no such format, nothing to draw, Kaleido or a Chromium is missing or fails, or the folder cannot be
            written.
    """
    if image_format not in IMAGE_FORMATS:
        raise ExportError(f"images are {', '.join(IMAGE_FORMATS)}; got {image_format!r}.")
    if not figures:
        raise ExportError("the study has no figures yet; wait for its first complete trial.")
    try:
        from choreographer import errors as browser_errors
        from kaleido.errors import JavascriptError, KaleidoError
    except ImportError as error:
        raise ExportError(f"images need Kaleido: pip install 'cosearch[figures]'; {_WITHOUT}.") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{name}.{image_format}" for name in figures]
        drawn = list(figures.values())
        heights = [figure.layout.height for figure in drawn]
        pio.write_images(drawn, files, width=_WIDTH, height=heights, scale=_SCALE)  # one browser for all
    except browser_errors.ChromeNotFoundError as error:
        raise ExportError(
            "images need a Chromium or Chrome and none was found: install one (Debian: apt-get install chromium), or "
            f"name its file in the variable BROWSER_PATH; {_WITHOUT}."
        ) from error
    except (
        *(browser_errors.BrowserFailedError, browser_errors.BrowserClosedError, browser_errors.DevtoolsProtocolError),
        *(browser_errors.ChannelClosedError, browser_errors.MessageTooLargeError, TimeoutError),  # some are OSErrors
        *(JavascriptError, KaleidoError),
    ) as error:
        reason = str(error.args[0] if error.args else type(error).__name__).rstrip(".")
        raise ExportError(
            f"the browser could not draw the images: {reason}. Try again, or name another Chromium in the variable "
            f"BROWSER_PATH; {_WITHOUT}."
        ) from error
    except OSError as error:
        raise ExportError(f"the images cannot be written to {folder}: {error.strerror or error}.") from error
    return files
