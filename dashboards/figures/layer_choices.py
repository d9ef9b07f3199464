"""Heat maps of what the front's trials chose per layer: weight bits, activation bits, Jacobian weights."""

from collections.abc import Sequence
from math import log10
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.layer_choices import LayerChoicesInfo
from dashboards.labels import (
    SUSPECT_NOTE,
    as_plot_text,
    fired_lines,
    format_jr_weight,
    format_metric,
    marked_number,
    metric_title,
)
from dashboards.theme import PALE, SEQUENTIAL
from spaces.layer_policy import ACTIVATION_BITS, WEIGHT_BITS

_WIDTHS = tuple(sorted({*WEIGHT_BITS, *ACTIVATION_BITS}))
_ROW_PX, _PANEL_GAP_PX, _MARGIN_PX = 24, 46, 190
_ZERO_COLOR = "#FFF4D6"


def plot_layer_choices(info: LayerChoicesInfo) -> go.Figure:
    """Draw three heat maps above each other, layers down, trials across by ascending size.

    Grey is "does not apply"; a Jacobian weight of 0 has a colour of its own, as it has no place on a log scale.
    """
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    panel_px = _ROW_PX * len(info.layers)
    inner_px = 3 * panel_px + 2 * _PANEL_GAP_PX
    figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=_PANEL_GAP_PX / inner_px,
        subplot_titles=("weight bits", "activation bits", "Jacobian weight"),
    )
    # Names stand at the left, where a narrow page that scrolls sideways still shows them.
    figure.update_annotations(x=0, xanchor="left")
    common = _common(info)
    figure.add_trace(_bits_map(info.weight_bits, common, colorbar=_bar(0, panel_px, inner_px)), row=1, col=1)
    figure.add_trace(_bits_map(info.activation_bits, common, colorbar=None), row=2, col=1)
    for trace in _jr_maps(info.jr_weight, common, colorbar=_bar(2, panel_px, inner_px)):
        figure.add_trace(trace, row=3, col=1)
    figure.update_xaxes(type="category", showgrid=False, ticks="", tickfont={"size": 11})
    figure.update_xaxes(title={"text": _order_text(info)}, row=3, col=1)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 11}, type="category")
    figure.update_layout(plot_bgcolor=PALE)
    subtitle = SUSPECT_NOTE if any(info.fired) else None
    height = inner_px + _MARGIN_PX
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=height, subtitle=subtitle)


def _common(info: LayerChoicesInfo) -> dict[str, Any]:
    name = info.sort_objective.name
    labels = [
        f"#{marked_number(number, is_suspect=bool(fired))}"
        for number, fired in zip(info.trial_numbers, info.fired, strict=True)
    ]
    values = [
        "<br>".join([f"{metric_title(name)} {format_metric(name, value)}", *map(as_plot_text, fired_lines(fired))])
        for value, fired in zip(info.sort_values, info.fired, strict=True)
    ]
    return {
        "x": labels,
        "y": [as_plot_text(layer) for layer in info.layers],
        "customdata": [values for _ in info.layers],
        "texttemplate": "%{text}",
        "textfont": {"size": 11},
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
    }


def _order_text(info: LayerChoicesInfo) -> str:
    name = info.sort_objective.name
    first, last = (format_metric(name, value) for value in (info.sort_values[0], info.sort_values[-1]))
    return f"trials of the front by {metric_title(name)}, {first} to {last}"


def _bar(panel: int, panel_px: int, inner_px: int) -> dict[str, Any]:
    """Return the place of a colour bar beside the panel, counted from the top."""
    centre_px = panel * (panel_px + _PANEL_GAP_PX) + panel_px / 2
    return {"y": 1 - centre_px / inner_px, "len": max(panel_px, 130), "lenmode": "pixels", "thickness": 12, "ypad": 0}


def _bits_map(
    rows: Sequence[Sequence[int | None]], common: dict[str, Any], *, colorbar: dict[str, Any] | None
) -> go.Heatmap:
    return go.Heatmap(
        z=rows,
        text=[["" if bits is None else str(bits) for bits in row] for row in rows],
        zmin=_WIDTHS[0],
        zmax=_WIDTHS[-1],
        colorscale=SEQUENTIAL,
        showscale=colorbar is not None,
        colorbar={**colorbar, "tickvals": _WIDTHS, "title": {"text": "bits"}} if colorbar else None,
        hovertemplate="trial %{x}, %{customdata}<br>%{y}: %{z} bits<extra></extra>",
        **common,
    )


def _jr_maps(
    rows: Sequence[Sequence[float | None]], common: dict[str, Any], *, colorbar: dict[str, Any]
) -> list[go.Heatmap]:
    """Return a map of the zeros and, where there are any, one of the positive weights on a log scale."""
    hovertemplate = "trial %{x}, %{customdata}<br>%{y}: JR %{text}<extra></extra>"
    positive = sorted({value for row in rows for value in row if value})
    maps = [
        go.Heatmap(
            z=[[0 if value == 0 else None for value in row] for row in rows],
            text=[["0" if value == 0 else "" for value in row] for row in rows],
            colorscale=((0, _ZERO_COLOR), (1, _ZERO_COLOR)),
            showscale=False,
            hovertemplate=hovertemplate,
            **common,
        )
    ]
    if positive:
        low, high = log10(positive[0]), log10(positive[-1])
        # A single weight has no range of its own.
        room = 0.5 if low == high else 0.0
        ticks = {"tickvals": [log10(value) for value in positive], "ticktext": [format_jr_weight(v) for v in positive]}
        maps.append(
            go.Heatmap(
                z=[[log10(value) if value else None for value in row] for row in rows],
                text=[[format_jr_weight(value) if value else "" for value in row] for row in rows],
                zmin=low - room,
                zmax=high + room,
                colorscale=SEQUENTIAL,
                colorbar={**colorbar, **ticks, "title": {"text": "JR"}},
                hovertemplate=hovertemplate,
                **common,
            )
        )
    return maps
