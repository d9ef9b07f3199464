"""Accuracy under audit against the attack radius, beside the search's own figures of the same trials."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards.figures.curve_parts import CurveStyle, accuracy_axis, curve_styles, epsilon_axis, interval_band
from dashboards.figures.frame import finish, note_figure
from dashboards.infos.audit_curves import AuditCurve, AuditCurvesInfo
from dashboards.labels import as_plot_text, fired_lines, format_accuracy, marked_number, with_suspect_note
from dashboards.theme import GREY


def plot_audit_curves(info: AuditCurvesInfo) -> go.Figure:
    """Draw each trial's audited worst case with its 95% band, and dashed what the search measured of it."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    figure = go.Figure()
    styles = curve_styles([curve.baseline_position for curve in info.curves])
    for curve, style in zip(info.curves, styles, strict=True):
        band = interval_band(
            curve.epsilons, curve.lower, curve.upper, color=style.color, legend_group=str(curve.number)
        )
        figure.add_trace(band)
    for curve, style in zip(info.curves, styles, strict=True):
        figure.add_trace(_searched(info, curve, style))
        figure.add_trace(_audited(info, curve, style))
    # Without points: the legend's word for all dashed lines.
    figure.add_trace(
        go.Scatter(x=[None], y=[None], mode="lines", name="the search's own", line={"color": GREY, "dash": "dash"})
    )
    highest = max(max(*curve.upper, *curve.searched) for curve in info.curves)
    figure.update_xaxes(**epsilon_axis(info.epsilons, info.epsilon_labels))
    figure.update_yaxes(title={"text": "worst-case accuracy ↑"}, **accuracy_axis(highest))
    figure.update_layout(hovermode="closest", legend={"y": -0.32})
    subtitle = (
        f"test examples, bands: 95% Wilson intervals; dashed: the search, {info.n_search_examples} validation examples"
    )
    subtitle = with_suspect_note(subtitle, has_suspects=any(curve.is_suspect for curve in info.curves))
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=500, subtitle=subtitle)


def _name(curve: AuditCurve) -> str:
    number = marked_number(curve.number, is_suspect=curve.is_suspect)
    return f"#{number}{'' if curve.baseline_position is None else ' baseline'}"


def _audited(info: AuditCurvesInfo, curve: AuditCurve, style: CurveStyle) -> go.Scatter:
    return go.Scatter(
        x=curve.epsilons,
        y=curve.audited,
        mode="lines+markers",
        name=_name(curve),
        legendgroup=str(curve.number),
        line={"color": style.color, "width": 2},
        marker={"symbol": style.symbol, "size": 8},
        hovertext=_hover(info, curve, curve.epsilons, curve.audited, source=f"audit, {curve.n_examples} test examples"),
        hoverinfo="text",
    )


def _searched(info: AuditCurvesInfo, curve: AuditCurve, style: CurveStyle) -> go.Scatter:
    source = f"search, {info.n_search_examples} validation examples"
    return go.Scatter(
        x=curve.search_epsilons,
        y=curve.searched,
        mode="lines+markers",
        legendgroup=str(curve.number),
        showlegend=False,
        line={"color": style.color, "dash": "dash", "width": 1.5},
        marker={"symbol": f"{style.symbol}-open", "size": 6},
        hovertext=_hover(info, curve, curve.search_epsilons, curve.searched, source=source),
        hoverinfo="text",
    )


def _hover(
    info: AuditCurvesInfo, curve: AuditCurve, epsilons: Sequence[float], values: Sequence[float], *, source: str
) -> list[str]:
    labels = dict(zip(info.epsilons, info.epsilon_labels, strict=True))
    fired = [as_plot_text(line) for line in fired_lines(curve.fired)]
    return [
        "<br>".join([f"{_name(curve)}, {source}", f"epsilon {labels[epsilon]}: {format_accuracy(value)}", *fired])
        for epsilon, value in zip(epsilons, values, strict=True)
    ]
