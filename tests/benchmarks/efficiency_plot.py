"""The curves of `tests.benchmarks.search_efficiency` as a figure: one colour an arm, one line a seed."""

from collections.abc import Sequence
from typing import Any

import plotly.colors
import plotly.graph_objects as go

from tests.benchmarks.efficiency_curves import Run, curve


def plot_runs(runs: Sequence[Run], reference: Sequence[float], *, title: str) -> Any:
    """Return a figure of every run's hypervolume over the seconds of the clock."""
    colors = plotly.colors.qualitative.D3
    arms = list(dict.fromkeys(run.arm for run in runs))
    figure = go.Figure()
    for run in runs:
        found = curve(run, reference)
        figure.add_scatter(
            x=[0.0, *found.times_s, found.end_s],
            y=[0.0, *found.volumes, found.final],
            mode="lines",
            line={"shape": "hv", "color": colors[arms.index(run.arm) % len(colors)]},
            name=run.arm,
            legendgroup=run.arm,
            showlegend=run is next(other for other in runs if other.arm == run.arm),
            hovertemplate=f"{run.arm}, seed {run.seed}<br>%{{x:.0f}} s: %{{y:.5g}}<extra></extra>",
        )
    figure.update_layout(title=title, xaxis_title="seconds", yaxis_title="hypervolume of what is feasible and complete")
    return figure
