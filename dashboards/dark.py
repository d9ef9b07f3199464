"""Any figure on a dark ground: the same picture with the colours that a dark page needs."""

from typing import Any

import plotly.graph_objects as go

from dashboards.theme import BLACK, BLUE, GREY, INK, PALE, VERMILLION

DARK_CARD, DARK_INK, _DARK_LINE = "#171C22", "#E6EAEE", "#39424D"

# What has too little contrast on the dark ground, and what is the paper's own white.
_COLORS = {
    BLACK: "#FFFFFF",
    INK: DARK_INK,
    GREY: "#A3ADB8",
    PALE: "#2A323B",
    BLUE: "#4C9FE0",
    VERMILLION: "#F07B3A",
    "#FFFFFF": DARK_CARD,
    "rgba(255, 255, 255, 0.8)": "rgba(23, 28, 34, 0.8)",
    "#E3E3E3": "#2D353F",
    "#D5D5D5": "#3A434E",
    "#F7F7F7": DARK_CARD,
    "#9A9A9A": "#6B7682",
    "#C8C8C8": "#4A5560",
}


def for_dark(figure: go.Figure) -> go.Figure:
    """Return a copy of a figure for a dark page; colour scales stay, their cells carry their own text colours."""
    content = _recolored(figure.to_plotly_json())
    dark = go.Figure(content)
    dark.update_layout(
        paper_bgcolor=DARK_CARD,
        hoverlabel={"bgcolor": "#222932", "bordercolor": _DARK_LINE, "font": {"color": DARK_INK}},
    )
    return dark


def _recolored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item if key == "colorscale" else _recolored(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not (value and isinstance(value[0], int | float)):
        return [_recolored(item) for item in value]
    return _COLORS.get(value, value) if isinstance(value, str) else value
