"""What all figures share: an empty start, the title with its warning, a note in place of data, metric axes."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboards.labels import as_plot_text, as_sentence, metric_title_with_direction
from dashboards.theme import GREY, VERMILLION, template

SYNTHETIC_WARNING = "synthetic data: a dry run of the pipeline, figures mean nothing"
_BREAK = "<br>"


def note_figure(*, title: str, note: str, is_synthetic: bool) -> go.Figure:
    """Return a figure without axes that says `note`, for a study that has nothing to draw yet."""
    figure = go.Figure()
    figure.add_annotation(
        text=as_plot_text(as_sentence(note)),
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"size": 15, "color": GREY},
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return finish(figure, title=title, is_synthetic=is_synthetic, height=220)


def finish(figure: go.Figure, *, title: str, is_synthetic: bool, height: int, subtitle: str | None = None) -> go.Figure:
    """Set the theme, the height in pixels and the title of a figure, in place, and return it.

    The warning about synthetic data goes before the subtitle, so that no figure loses it when it is shown alone.
    """
    lines = [f'<span style="color:{VERMILLION}">{SYNTHETIC_WARNING}</span>'] if is_synthetic else []
    lines += [as_plot_text(subtitle)] if subtitle else []
    figure.update_layout(template=template(), height=height, title={"text": as_plot_text(title)})
    _set_subtitle(figure, lines)
    return figure


def add_to_subtitle(figure: go.Figure, text: str) -> None:
    """Put one more line under the title of a finished figure, in place."""
    before = figure.layout.title.subtitle.text
    _set_subtitle(figure, [*(before.split(_BREAK) if before else []), as_plot_text(text)])


def _set_subtitle(figure: go.Figure, lines: Sequence[str]) -> None:
    figure.update_layout(title_subtitle_text=_BREAK.join(lines), margin_t=78 + 20 * len(lines))


def metric_axis(name: str) -> dict[str, Any]:
    """Return title and tick format of an axis that shows a metric."""
    if name.endswith("_accuracy"):
        formats = {"tickformat": "~%"}
    else:
        formats = {"tickformat": "~s", "ticksuffix": "B" if name.endswith("_bytes") else ""}
    return {"title": {"text": metric_title_with_direction(name)}, **formats}
