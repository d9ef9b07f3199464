"""The one look of all figures: colours, marker shapes, font, layout, and what Plotly's own controls may do."""

from typing import Any

import plotly.graph_objects as go

# Okabe and Ito (2008), "Color Universal Design": told apart with every common kind of colour blindness.
BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"

GREY = "#6E6E6E"
PALE = "#E8E8E8"
INK = "#222222"

FRONT_COLOR = BLUE
DOMINATED_COLOR = GREY

# Yellow is left out of lines and markers: on white it has too little contrast. Baselines own their two colours.
CURVE_COLORS = (BLUE, GREEN, ORANGE, SKY_BLUE, BLACK)
CURVE_SYMBOLS = ("circle", "triangle-up", "cross", "star", "hexagon")
CURVE_DASHES = ("solid", "dot", "dashdot")
BASELINE_COLORS = (VERMILLION, PURPLE)
# These names exist in flat and in three-dimensional figures, each also with the suffix "-open".
BASELINE_SYMBOLS = ("square", "diamond")

# From light to dark in one hue: order survives colour blindness and print. The first step is set off from PALE.
SEQUENTIAL = ((0.0, "#DCEBF7"), (0.35, "#8FC1E3"), (0.7, "#2E7EBB"), (1.0, "#08306B"))

# From less to more around nothing: blue and orange differ for every kind of colour vision.
DIVERGING = ((0.0, "#0B5A94"), (0.25, "#7DB7DE"), (0.5, "#F4F4F4"), (0.75, "#F2A56B"), (1.0, "#B34700"))

FONT_FAMILY = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

# Nothing leaves the page: no upload button, no server to upload to, no logo that links away.
PLOT_CONFIG: dict[str, Any] = {
    "responsive": True,
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
}


def template() -> go.layout.Template:
    """Return the layout that every figure starts from; it is set per figure, never registered globally."""
    axis = {
        "gridcolor": "#E3E3E3",
        "linecolor": "#9A9A9A",
        "zerolinecolor": "#C8C8C8",
        "ticks": "outside",
        "tickcolor": "#9A9A9A",
        "automargin": True,
        "title": {"standoff": 8},
    }
    axis_3d = {"gridcolor": "#D5D5D5", "backgroundcolor": "#F7F7F7", "zerolinecolor": "#C8C8C8"}
    return go.layout.Template(
        layout={
            "font": {"family": FONT_FAMILY, "size": 13, "color": INK},
            "title": {
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
                "pad": {"l": 12, "t": 14},
                "font": {"size": 17},
            },
            "paper_bgcolor": "#FFFFFF",
            "plot_bgcolor": "#FFFFFF",
            "colorway": list(CURVE_COLORS),
            "margin": {"l": 56, "r": 16, "t": 64, "b": 48},
            "hoverlabel": {"align": "left", "font": {"family": FONT_FAMILY, "size": 12}},
            "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
            "xaxis": axis,
            "yaxis": axis,
            "scene": {"xaxis": axis_3d, "yaxis": axis_3d, "zaxis": axis_3d},
        }
    )


def with_alpha(color: str, alpha: float) -> str:
    """Return a `#RRGGBB` colour as `rgba(...)`."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"


def baseline_style(position: int) -> tuple[str, str]:
    """Return colour and symbol of the baseline at `position`; more than two share the styles in turn."""
    return BASELINE_COLORS[position % len(BASELINE_COLORS)], BASELINE_SYMBOLS[position % len(BASELINE_SYMBOLS)]
