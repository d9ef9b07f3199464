"""A trial's training: cross-entropy and the Jacobian term by epoch."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.training_curve import TrainingCurveInfo
from dashboards.theme import BLUE, ORANGE


def plot_training_curve(info: TrainingCurveInfo) -> go.Figure:
    """Draw both parts of the loss above each other, since their scales have nothing in common."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    parts = [("cross-entropy", info.cross_entropy, BLUE, "circle")]
    if any(info.jacobian_term):
        parts.append(("Jacobian term", info.jacobian_term, ORANGE, "square"))
    figure = make_subplots(rows=len(parts), cols=1, shared_xaxes=True, vertical_spacing=0.09)
    for row, (name, values, color, symbol) in enumerate(parts, start=1):
        figure.add_trace(
            go.Scatter(
                x=info.epochs,
                y=values,
                mode="lines+markers",
                name=name,
                line={"color": color, "width": 2},
                marker={"symbol": symbol, "size": 8},
                hovertemplate=f"epoch %{{x}}<br>{name} %{{y:.4f}}<extra></extra>",
                showlegend=False,
            ),
            row=row,
            col=1,
        )
        figure.update_yaxes(title={"text": f"{name} ↓"}, rangemode="tozero", row=row, col=1)
    ticks = {"dtick": 1} if len(info.epochs) <= 12 else {"nticks": 12}
    figure.update_xaxes(title={"text": "epoch"}, tickformat="d", row=len(parts), col=1)
    figure.update_xaxes(**ticks)
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=160 + 170 * len(parts))
