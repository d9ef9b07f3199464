"""A reference model beside a study's models: accuracy against the attack radius, white box and black box."""

import plotly.graph_objects as go

from dashboards.figures.curve_parts import CurveStyle, accuracy_axis, curve_styles, epsilon_axis, interval_band
from dashboards.figures.frame import finish
from dashboards.infos.compared_models import AttackedView, ComparedModel, ReferenceComparisonInfo
from dashboards.labels import epsilon_labels, format_accuracy, with_suspect_note
from dashboards.theme import GREY

_DASHES = {"white box": "solid", "black box": "dot"}


def plot_reference_comparison(info: ReferenceComparisonInfo, *, is_synthetic: bool) -> go.Figure:
    """Draw the reference and the most robust models of at most its size and a quarter of it, with 95% bands."""
    figure = go.Figure()
    shown = shown_models(info)
    styles = curve_styles([0, *([None] * (len(shown) - 1))])
    for model, style in zip(shown, styles, strict=True):
        for view in (model.view(name) for name in _DASHES):
            lower, upper = zip(*view.intervals, strict=True)
            figure.add_trace(interval_band(info.epsilons, lower, upper, color=style.color, legend_group=model.label))
            figure.add_trace(_curve(info, model, view, style))
    # Without points: the legend's words for the two kinds of lines.
    for name, dash in _DASHES.items():
        figure.add_trace(
            go.Scatter(
                x=[None], y=[None], mode="lines", name=name, line={"color": GREY, "dash": dash}, hoverinfo="skip"
            )
        )
    highest = max(upper for model in shown for view in model.views for _, upper in view.intervals)
    figure.update_xaxes(**epsilon_axis(info.epsilons, epsilon_labels(info.epsilons)))
    figure.update_yaxes(title={"text": "worst-case accuracy ↑"}, **accuracy_axis(highest))
    figure.update_layout(hovermode="closest", legend={"y": -0.32})
    subtitle = f"{info.n_examples} test examples, the same for all; bands: 95% Wilson intervals"
    subtitle = with_suspect_note(subtitle, has_suspects=any(model.doubts for model in shown))
    return finish(figure, title=f"Beside {info.title}", is_synthetic=is_synthetic, height=500, subtitle=subtitle)


def shown_models(info: ReferenceComparisonInfo) -> tuple[ComparedModel, ...]:
    """Return the reference, and the most robust model of each size class, where there is one."""
    best = dict.fromkeys([*info.as_large[:1], *info.a_quarter[:1]])
    return (info.reference, *best)


def _curve(info: ReferenceComparisonInfo, model: ComparedModel, view: AttackedView, style: CurveStyle) -> go.Scatter:
    name = f"{model.marked_label}, {model.size_bytes:,} B"
    return go.Scatter(
        x=info.epsilons,
        y=view.accuracy,
        mode="lines+markers",
        name=name,
        legendgroup=model.label,
        showlegend=view.name == next(iter(_DASHES)),
        line={"color": style.color, "dash": _DASHES[view.name], "width": 2},
        marker={"symbol": style.symbol, "size": 7},
        hovertext=[
            f"{name}<br>{view.name}, epsilon {label}: {format_accuracy(value)}"
            for label, value in zip(epsilon_labels(info.epsilons), view.accuracy, strict=True)
        ],
        hoverinfo="text",
    )
