"""Where a trial's bytes are: one bar per layer, stacked from weights, biases and scales."""

import plotly.graph_objects as go

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.layer_bytes import PARTS, LayerBytesInfo
from dashboards.labels import as_plot_text
from dashboards.theme import BLUE, GREEN, ORANGE

_COLORS = (BLUE, ORANGE, GREEN)


def plot_layer_bytes(info: LayerBytesInfo) -> go.Figure:
    """Draw the layers from the input down, and each one's share of the whole behind its bar."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    figure = go.Figure()
    layers = [as_plot_text(layer) for layer in info.layers]
    for part, color, values in zip(PARTS, _COLORS, info.parts, strict=True):
        figure.add_trace(
            go.Bar(
                y=layers,
                x=values,
                orientation="h",
                name={"weight": "weights", "bias": "biases", "scale": "scales and shifts"}[part],
                marker={"color": color},
                hovertemplate=f"%{{y}}, {part}: %{{x:,}} B<extra></extra>",
            )
        )
    totals = [sum(values) for values in zip(*info.parts, strict=True)]
    figure.add_trace(
        go.Scatter(
            x=totals,
            y=layers,
            mode="text",
            text=[f" {total / info.total:.0%}" for total in totals],
            textposition="middle right",
            showlegend=False,
            hoverinfo="skip",
            cliponaxis=False,
        )
    )
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, ticks="")
    figure.update_xaxes(title={"text": "bytes in flash"}, tickformat="~s", ticksuffix="B")
    figure.update_layout(barmode="stack", bargap=0.3, legend={"y": -0.25, "traceorder": "normal"})
    subtitle = f"{info.total:,} bytes in all"
    return finish(
        figure, title=info.title, is_synthetic=info.is_synthetic, height=190 + 27 * len(layers), subtitle=subtitle
    )
