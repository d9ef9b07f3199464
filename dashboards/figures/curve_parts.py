"""What figures of accuracy against the attack radius share: a style per trial, interval bands, axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboards.theme import CURVE_COLORS, CURVE_DASHES, CURVE_SYMBOLS, baseline_style, with_alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveStyle:
    """How one trial's curves look; `dash` tells apart the trials that share a colour."""

    color: str
    symbol: str
    dash: str


def curve_styles(baseline_positions: Sequence[int | None]) -> list[CurveStyle]:
    """Return one style per curve; baselines keep the colour and shape that they have among the points of the front.

    Args:
        baseline_positions: for each curve which baseline it is, counted from 0; None for every other trial.
    """
    styles, n_others = [], 0
    for baseline_position in baseline_positions:
        if baseline_position is not None:
            color, symbol = baseline_style(baseline_position)
            styles.append(CurveStyle(color=color, symbol=symbol, dash="dash"))
        else:
            turn, position = divmod(n_others, len(CURVE_COLORS))
            dash = CURVE_DASHES[turn % len(CURVE_DASHES)]
            styles.append(CurveStyle(color=CURVE_COLORS[position], symbol=CURVE_SYMBOLS[position], dash=dash))
            n_others += 1
    return styles


def interval_band(
    epsilons: Sequence[float], lower: Sequence[float], upper: Sequence[float], *, color: str, legend_group: str
) -> go.Scatter:
    """Return the interval as a closed outline: up along the upper ends, back along the lower ones."""
    return go.Scatter(
        x=[*epsilons, *reversed(epsilons)],
        y=[*upper, *reversed(lower)],
        fill="toself",
        fillcolor=with_alpha(color, 0.13),
        mode="none",
        hoverinfo="skip",
        legendgroup=legend_group,
        showlegend=False,
    )


def epsilon_axis(epsilons: Sequence[float], labels: Sequence[str]) -> dict[str, Any]:
    """Return the settings of an axis of L-inf radii."""
    return {
        "title": {"text": "epsilon (L-inf)"},
        "tickvals": epsilons,
        "ticktext": labels,
        "tickfont": {"size": 11},
        # The small radii stand close together: upright they still fit where slanted they would overlap.
        "autotickangles": [0, 90],
    }


def accuracy_axis(highest: float) -> dict[str, Any]:
    """Return the settings of an axis of accuracies up to `highest`."""
    # A little room below 0, so that markers on the axis are seen whole.
    return {"range": [-0.02, min(1.0, highest) + 0.02], "tickformat": ".0%"}
