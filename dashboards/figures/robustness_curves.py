"""Accuracy against the attack radius: the worst case with its intervals, and one panel per attack."""

from collections.abc import Sequence
from math import ceil

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.curve_parts import CurveStyle, accuracy_axis, curve_styles, epsilon_axis, interval_band
from dashboards.figures.frame import finish, note_figure
from dashboards.infos.robustness_curves import RobustnessCurve, RobustnessCurvesInfo
from dashboards.labels import (
    SUSPECT_NOTE,
    as_plot_text,
    fired_lines,
    format_accuracy,
    marked_number,
    with_suspect_note,
)

# Heights of a panel and of what stands below it: upright labels of the radii, the axis title, the next panel's name.
_PANEL_PX, _BELOW_PX = 200, 130


def plot_robustness_curves(info: RobustnessCurvesInfo) -> go.Figure:
    """Draw the worst case over all attacks with its 95% band, one curve per trial; baselines are dashed."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    figure = go.Figure()
    styles = _styles(info.curves)
    for curve, style in zip(info.curves, styles, strict=True):
        figure.add_trace(
            interval_band(curve.epsilons, curve.lower, curve.upper, color=style.color, legend_group=str(curve.number))
        )
    for curve, style in zip(info.curves, styles, strict=True):
        figure.add_trace(_line(info, curve, curve.worst_case, style))
    figure.update_xaxes(**epsilon_axis(info.epsilons, info.epsilon_labels))
    figure.update_yaxes(title={"text": "worst-case accuracy ↑"}, **accuracy_axis(_highest(info)))
    figure.update_layout(hovermode="closest", legend={"y": -0.32})
    subtitle = f"attack subset of {info.n_examples} examples, bands: 95% Wilson intervals"
    if info.left_out:
        subtitle += f"; not measured: {', '.join(f'#{number}' for number in info.left_out)}"
    subtitle = with_suspect_note(subtitle, has_suspects=_has_suspects(info))
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=500, subtitle=subtitle)


def plot_attack_curves(info: RobustnessCurvesInfo, *, n_columns: int = 3) -> go.Figure:
    """Draw one panel per attack, each with the accuracy of every trial under that attack alone."""
    note = info.note or (None if info.attacks else "no accuracy of a single attack is stored")
    title = f"{info.title}: each attack alone"
    if note:
        return note_figure(title=title, note=note, is_synthetic=info.is_synthetic)
    n_columns = min(n_columns, len(info.attacks))
    n_rows = ceil(len(info.attacks) / n_columns)
    inner_px = n_rows * _PANEL_PX + (n_rows - 1) * _BELOW_PX
    figure = make_subplots(
        rows=n_rows,
        cols=n_columns,
        shared_yaxes=True,
        subplot_titles=[as_plot_text(attack) for attack in info.attacks],
        horizontal_spacing=0.12 / n_columns,
        vertical_spacing=_BELOW_PX / inner_px,
    )
    for panel, attack in enumerate(info.attacks):
        cell = {"row": panel // n_columns + 1, "col": panel % n_columns + 1}
        for curve, style in zip(info.curves, _styles(info.curves), strict=True):
            if attack in curve.attack_accuracy:
                line = _line(info, curve, curve.attack_accuracy[attack], style)
                figure.add_trace(line.update(showlegend=panel == 0), **cell)
        if cell["col"] == 1:
            figure.update_yaxes(title={"text": "accuracy ↑"}, **cell)
    figure.update_xaxes(**epsilon_axis(info.epsilons, info.epsilon_labels))
    figure.update_yaxes(**accuracy_axis(_highest(info)))
    figure.update_layout(legend={"y": -(_BELOW_PX - 30) / inner_px}, hovermode="closest")
    subtitle = SUSPECT_NOTE if _has_suspects(info) else None
    height = inner_px + 230
    return finish(figure, title=title, is_synthetic=info.is_synthetic, height=height, subtitle=subtitle)


def _styles(curves: Sequence[RobustnessCurve]) -> list[CurveStyle]:
    return curve_styles([curve.baseline_position for curve in curves])


def _highest(info: RobustnessCurvesInfo) -> float:
    return max(max(curve.upper) for curve in info.curves)


def _has_suspects(info: RobustnessCurvesInfo) -> bool:
    return any(curve.is_suspect for curve in info.curves)


def _name(curve: RobustnessCurve) -> str:
    number = marked_number(curve.number, is_suspect=curve.is_suspect)
    return f"#{number}{' baseline' if curve.is_baseline else ''}{'' if curve.is_feasible else ', infeasible'}"


def _line(info: RobustnessCurvesInfo, curve: RobustnessCurve, values: Sequence[float], style: CurveStyle) -> go.Scatter:
    labels = dict(zip(info.epsilons, info.epsilon_labels, strict=True))
    at = [labels.get(epsilon, f"{epsilon:g}") for epsilon in curve.epsilons]
    fired = [as_plot_text(line) for line in fired_lines(curve.fired)]
    return go.Scatter(
        x=curve.epsilons,
        y=values,
        mode="lines+markers",
        name=_name(curve),
        legendgroup=str(curve.number),
        line={"color": style.color, "dash": style.dash, "width": 2},
        marker={"symbol": style.symbol if curve.is_feasible else f"{style.symbol}-open", "size": 8},
        hovertext=[
            "<br>".join([_name(curve), f"epsilon {epsilon}: {format_accuracy(value)}", *fired])
            for epsilon, value in zip(at, values, strict=True)
        ],
        hoverinfo="text",
    )
