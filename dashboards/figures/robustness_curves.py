"""Accuracy against the attack radius: the worst case with its intervals, and one panel per attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.robustness_curves import RobustnessCurve, RobustnessCurvesInfo
from dashboards.labels import as_plot_text, format_accuracy
from dashboards.theme import CURVE_COLORS, CURVE_DASHES, CURVE_SYMBOLS, baseline_style, with_alpha

# Heights of a panel and of what stands below it: upright labels of the radii, the axis title, the next panel's name.
_PANEL_PX, _BELOW_PX = 200, 130


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    color: str
    symbol: str
    dash: str


def plot_robustness_curves(info: RobustnessCurvesInfo) -> go.Figure:
    """Draw the worst case over all attacks with its 95% band, one curve per trial; baselines are dashed."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    figure = go.Figure()
    styles = _styles(info.curves)
    for curve, style in zip(info.curves, styles, strict=True):
        figure.add_trace(_band(curve, style))
    for curve, style in zip(info.curves, styles, strict=True):
        figure.add_trace(_line(info, curve, curve.worst_case, style))
    figure.update_xaxes(**_epsilon_axis(info))
    figure.update_yaxes(title={"text": "worst-case accuracy ↑"}, **_accuracy_axis(info))
    figure.update_layout(hovermode="closest", legend={"y": -0.32})
    subtitle = f"attack subset of {info.n_examples} examples, bands: 95% Wilson intervals"
    if info.left_out:
        subtitle += f"; not measured: {', '.join(f'#{number}' for number in info.left_out)}"
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
    figure.update_xaxes(**_epsilon_axis(info))
    figure.update_yaxes(**_accuracy_axis(info))
    figure.update_layout(legend={"y": -(_BELOW_PX - 30) / inner_px}, hovermode="closest")
    return finish(figure, title=title, is_synthetic=info.is_synthetic, height=inner_px + 230)


def _styles(curves: Sequence[RobustnessCurve]) -> list[_Style]:
    """Return one style per curve; baselines keep the colour and shape that they have among the points of the front."""
    styles, n_others = [], 0
    for curve in curves:
        if curve.baseline_position is not None:
            color, symbol = baseline_style(curve.baseline_position)
            styles.append(_Style(color=color, symbol=symbol, dash="dash"))
        else:
            turn, position = divmod(n_others, len(CURVE_COLORS))
            dash = CURVE_DASHES[turn % len(CURVE_DASHES)]
            styles.append(_Style(color=CURVE_COLORS[position], symbol=CURVE_SYMBOLS[position], dash=dash))
            n_others += 1
    return styles


def _name(curve: RobustnessCurve) -> str:
    return f"#{curve.number}{' baseline' if curve.is_baseline else ''}{'' if curve.is_feasible else ', infeasible'}"


def _band(curve: RobustnessCurve, style: _Style) -> go.Scatter:
    """Return the interval as a closed outline: up along the upper ends, back along the lower ones."""
    return go.Scatter(
        x=[*curve.epsilons, *reversed(curve.epsilons)],
        y=[*curve.upper, *reversed(curve.lower)],
        fill="toself",
        fillcolor=with_alpha(style.color, 0.13),
        mode="none",
        hoverinfo="skip",
        legendgroup=str(curve.number),
        showlegend=False,
    )


def _line(info: RobustnessCurvesInfo, curve: RobustnessCurve, values: Sequence[float], style: _Style) -> go.Scatter:
    labels = dict(zip(info.epsilons, info.epsilon_labels, strict=True))
    at = [labels.get(epsilon, f"{epsilon:g}") for epsilon in curve.epsilons]
    return go.Scatter(
        x=curve.epsilons,
        y=values,
        mode="lines+markers",
        name=_name(curve),
        legendgroup=str(curve.number),
        line={"color": style.color, "dash": style.dash, "width": 2},
        marker={"symbol": style.symbol if curve.is_feasible else f"{style.symbol}-open", "size": 8},
        hovertext=[
            f"{_name(curve)}<br>epsilon {epsilon}: {format_accuracy(value)}"
            for epsilon, value in zip(at, values, strict=True)
        ],
        hoverinfo="text",
    )


def _epsilon_axis(info: RobustnessCurvesInfo) -> dict[str, Any]:
    return {
        "title": {"text": "epsilon (L-inf)"},
        "tickvals": info.epsilons,
        "ticktext": info.epsilon_labels,
        "tickfont": {"size": 11},
        # The small radii stand close together: upright they still fit where slanted they would overlap.
        "autotickangles": [0, 90],
    }


def _accuracy_axis(info: RobustnessCurvesInfo) -> dict[str, Any]:
    highest = max(max(curve.upper) for curve in info.curves)
    # A little room below 0, so that markers on the axis are seen whole.
    return {"range": [-0.02, min(1.0, highest) + 0.02], "tickformat": ".0%"}
