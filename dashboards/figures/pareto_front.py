"""The front in the objective space: in three dimensions, and as one projection per pair of objectives."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.frame import finish, metric_axis, note_figure
from dashboards.infos.pareto_front import FrontPoint, ParetoFrontInfo
from dashboards.infos.reference_points import FixedPoint
from dashboards.labels import as_plot_text, format_metric, marked_number, metric_title
from dashboards.theme import DOMINATED_COLOR, FRONT_COLOR, GREEN, GREY, INK, ORANGE, baseline_style
from spaces.objectives import Direction, Objective

# Wider than every marker that it may surround.
_RING_SIZE = 24
_CHOSEN_SIZE = 20

_FIXED_SYMBOLS = ("cross", "diamond-open")  # no "x": in three dimensions it is an emoji, a box where no font has it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Points that share one marker and one line of the legend; hollow is infeasible."""

    name: str
    color: str
    symbol: str
    size: int
    opacity: float
    points: tuple[FrontPoint, ...]


def plot_pareto_front_3d(info: ParetoFrontInfo) -> go.Figure:
    """Draw the first three objectives; a study with two gets a note, further objectives stay in the hover box."""
    note = info.note or (None if len(info.objectives) >= 3 else "three objectives are needed for this view")
    if note:
        return note_figure(title=info.title, note=note, is_synthetic=info.is_synthetic)
    figure = go.Figure()
    for group in _groups(info.points):
        x, y, z = ([point.values[axis] for point in group.points] for axis in range(3))
        figure.add_trace(go.Scatter3d(x=x, y=y, z=z, **_marker(group, scale=0.6)))
    _add_rest(figure, info, axes=(0, 1, 2), scale=0.6)
    x_axis, y_axis, z_axis = (metric_axis(objective.name) for objective in info.objectives[:3])
    # The centre lies low, because the axis titles hang below the box and would be cut off.
    camera = {"eye": {"x": 1.65, "y": 1.65, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.15}}
    scene = {"xaxis": x_axis, "yaxis": y_axis, "zaxis": z_axis, "camera": camera, "aspectmode": "cube"}
    figure.update_layout(scene=scene, legend={"y": 0}, margin={"l": 4, "r": 4, "b": 16})
    small = {"nticks": 5, "tickfont": {"size": 11}, "title": {"font": {"size": 12}}}
    figure.update_scenes({f"{axis}axis": small for axis in "xyz"})
    rest = [metric_title(objective.name) for objective in info.objectives[3:]]
    subtitle = f"not drawn, but in the hover box: {', '.join(rest)}" if rest else None
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=560, subtitle=subtitle)


def plot_pareto_projections(info: ParetoFrontInfo, *, n_columns: int = 3) -> go.Figure:
    """Draw one panel per pair of objectives, `n_columns` beside each other.

    A point of the front may look dominated in a panel: it is better in an objective that the panel leaves out.
    """
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    pairs = [_as_axes(pair) for pair in combinations(enumerate(info.objectives), 2)]
    n_columns = min(n_columns, len(pairs))
    n_rows = ceil(len(pairs) / n_columns)
    figure = make_subplots(
        rows=n_rows, cols=n_columns, horizontal_spacing=0.24 / n_columns, vertical_spacing=0.2 / n_rows
    )
    for panel, (x_axis, y_axis) in enumerate(pairs):
        cell = {"row": panel // n_columns + 1, "col": panel % n_columns + 1}
        for group in _groups(info.points):
            x, y = ([point.values[axis] for point in group.points] for axis in (x_axis, y_axis))
            figure.add_trace(go.Scatter(x=x, y=y, **_marker(group, scale=1), showlegend=panel == 0), **cell)
        _add_rest(figure, info, axes=(x_axis, y_axis), scale=1, **cell)
        figure.update_xaxes(**metric_axis(info.objectives[x_axis].name), **cell)
        figure.update_yaxes(**metric_axis(info.objectives[y_axis].name), **cell)
    height = 140 + 320 * n_rows
    # Below the axis titles of the last row, measured in heights of the plot area, about 270 pixels a row.
    figure.update_layout(legend={"y": -0.27 / n_rows})
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=height)


def plot_front(info: ParetoFrontInfo, *, chosen: Collection[int] = ()) -> go.Figure:
    """Draw one view: three objectives in space, or two on a plane, with chosen trials ringed.

    Raises:
        ValueError: the info has neither two nor three objectives.
    """
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    if len(info.objectives) not in (2, 3):
        raise ValueError(f"a view has two or three objectives; got {len(info.objectives)}.")
    figure = plot_pareto_front_3d(info) if len(info.objectives) == 3 else _plane(info)
    ringed = [point for point in info.points if point.number in chosen]
    if ringed:
        ring = _ring("chosen", _CHOSEN_SIZE, width=3, color=ORANGE, scale=1 if len(info.objectives) == 2 else 0.6)
        _add_points(figure, [point.values for point in ringed], ring)
    subtitle = figure.layout.title.subtitle.text or ""
    if info.n_covered:
        subtitle += (
            f"{'<br>' if subtitle else ''}{info.n_covered:,} dominated trials lie under others and are not drawn"
        )
        figure.update_layout(title={"subtitle": {"text": subtitle}})
    return figure


def _plane(info: ParetoFrontInfo) -> go.Figure:
    figure = go.Figure()
    for group in _groups(info.points):
        _add_points(figure, [point.values for point in group.points], _marker(group, scale=1))
    _add_rest(figure, info, axes=(0, 1), scale=1)
    x, y = (objective.name for objective in info.objectives)
    figure.update_xaxes(**metric_axis(x))
    figure.update_yaxes(**metric_axis(y))
    figure.update_layout(legend={"y": -0.16}, hovermode="closest")
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=560)


def _add_points(figure: go.Figure, values: Sequence[Sequence[float]], settings: dict[str, Any], **cell: int) -> None:
    """Add markers at points of two or three coordinates."""
    kind = go.Scatter3d if len(values[0]) == 3 else go.Scatter
    coordinates = {name: [value[axis] for value in values] for axis, name in enumerate("xyz"[: len(values[0])])}
    figure.add_trace(kind(**coordinates, **settings), **cell)


def _add_rest(figure: go.Figure, info: ParetoFrontInfo, *, axes: Sequence[int], scale: float, **cell: int) -> None:
    """Add rings round suspects, fixed points and, on a plane, the lines of the constraints."""
    show = {"showlegend": cell.get("row", 1) == cell.get("col", 1) == 1}
    suspects = [[point.values[axis] for axis in axes] for point in info.points if point.is_suspect]
    if suspects:
        _add_points(figure, suspects, _suspect_ring(scale=scale) | show, **cell)
    for position, fixed in enumerate(info.fixed_points):
        values = [fixed.values[axis] for axis in axes]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            _add_points(figure, [known], _fixed_marker(fixed, position, scale=scale) | show, **cell)
    if len(axes) == 2:
        _add_constraints(figure, info, axes, **cell)


def _add_constraints(figure: go.Figure, info: ParetoFrontInfo, axes: Sequence[int], **cell: int) -> None:
    for constraint in info.constraints:
        for axis, draw in zip(axes, (figure.add_vline, figure.add_hline), strict=True):
            if info.objectives[axis].name == constraint.name:
                sign = "≤" if constraint.is_upper else "≥"
                limit = format_metric(constraint.name, constraint.bound)
                draw(
                    constraint.bound,
                    line={"color": GREY, "dash": "dot", "width": 1.5},
                    annotation={
                        "text": as_plot_text(f"{metric_title(constraint.name)} {sign} {limit}"),
                        "font": {"size": 11, "color": GREY},
                    },
                    annotation_position="top right",
                    **cell,
                )


def _as_axes(pair: tuple[tuple[int, Objective], tuple[int, Objective]]) -> tuple[int, int]:
    """Return the positions of the x and the y objective: what is minimized, such as size, goes to x."""
    (first, _), (second, other) = pair
    return (second, first) if other.direction is Direction.MINIMIZE else (first, second)


def _groups(points: tuple[FrontPoint, ...]) -> list[_Group]:
    """Sort points into what one marker stands for; groups drawn later lie on top."""
    others = [point for point in points if not point.is_baseline]
    groups = [
        _Group(
            name="infeasible",
            color=DOMINATED_COLOR,
            symbol="circle-open",
            size=8,
            opacity=0.9,
            points=tuple(point for point in others if not point.is_feasible),
        ),
        _Group(
            name="dominated",
            color=DOMINATED_COLOR,
            symbol="circle",
            size=8,
            opacity=0.55,
            points=tuple(point for point in others if point.is_feasible and not point.is_on_front),
        ),
        _Group(
            name="front",
            color=FRONT_COLOR,
            symbol="circle",
            size=11,
            opacity=1,
            points=tuple(point for point in others if point.is_feasible and point.is_on_front),
        ),
    ]
    groups += [
        _baseline_group(point.baseline_position, point) for point in points if point.baseline_position is not None
    ]
    return [group for group in groups if group.points]


def _baseline_group(position: int, point: FrontPoint) -> _Group:
    color, symbol = baseline_style(position)
    state = ", infeasible" if not point.is_feasible else ", on the front" if point.is_on_front else ""
    return _Group(
        name=f"baseline: trial {marked_number(point.number, is_suspect=point.is_suspect)}{state}",
        color=color,
        symbol=symbol if point.is_feasible else f"{symbol}-open",
        # Both baselines often share bits and so a place; the diamond must not hide the square.
        size=15 - 4 * (position % 2),
        opacity=1,
        points=(point,),
    )


def _suspect_ring(*, scale: float) -> dict[str, Any]:
    return _ring("masking suspect (?)", _RING_SIZE, width=1.5, color=INK, scale=scale)


def _ring(name: str, size: int, *, width: float, color: str, scale: float) -> dict[str, Any]:
    """Return the settings of a trace that rings markers; the pointer sees the marker within."""
    return {
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "marker": {"color": color, "symbol": "circle-open", "size": size * scale, "line": {"width": width}},
        "hoverinfo": "skip",
    }


def _fixed_marker(fixed: FixedPoint, position: int, *, scale: float) -> dict[str, Any]:
    return {
        "mode": "markers",
        "name": as_plot_text(fixed.name),
        "legendgroup": f"fixed {position}",
        "marker": {"color": GREEN, "symbol": _FIXED_SYMBOLS[position % 2], "size": 13 * scale},
        "hovertext": ["<br>".join(as_plot_text(line) for line in fixed.hover)],
        "hoverinfo": "text",
    }


def _marker(group: _Group, *, scale: float) -> dict[str, Any]:
    """Return the trace settings that flat and three-dimensional markers share; `scale` evens out their sizes."""
    return {
        "mode": "markers",
        "name": group.name,
        "legendgroup": group.name,
        "marker": {"color": group.color, "symbol": group.symbol, "size": group.size * scale, "opacity": group.opacity},
        "hovertext": ["<br>".join(as_plot_text(line) for line in point.hover) for point in group.points],
        "hoverinfo": "text",
        "customdata": [[point.number] for point in group.points],
    }
