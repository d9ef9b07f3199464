"""How the front grew: hypervolume by revision, time or trials above, members of the front below."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.hypervolume import HypervolumeInfo, HypervolumeStep
from dashboards.labels import as_plot_text, fired_lines, marked_number
from dashboards.theme import FRONT_COLOR, GREY, VERMILLION

_TITLES = {"revision": "revision of the front", "time": "time (UTC)", "trials": "trials begun"}


class Over(StrEnum):
    """What the hypervolume is drawn over."""

    REVISION = "revision"
    TIME = "time"
    TRIALS = "trials"


def plot_hypervolume(info: HypervolumeInfo, *, over: Over = Over.REVISION) -> go.Figure:
    """Draw the hypervolume as steps, with the baselines' own as a dashed line, and the front's size as bars."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    places = _places(info.steps, over)
    hover = {"hovertext": [_hover(step) for step in info.steps], "hoverinfo": "text", "showlegend": False}
    figure.add_trace(
        go.Scatter(
            x=places,
            y=[step.hypervolume for step in info.steps],
            mode="lines+markers",
            line={"shape": "hv", "color": FRONT_COLOR, "width": 2},
            marker={"size": 6},
            name="front",
            **hover,
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Bar(x=places, y=[step.front_size for step in info.steps], marker={"color": GREY}, **hover), row=2, col=1
    )
    _add_baselines(figure, info)
    if over is Over.REVISION:
        # Some ticks stay whole numbers, however few revisions there are.
        whole = {"tickformat": "d", **({"dtick": 1} if len(places) <= 12 else {"nticks": 12})}
        figure.update_xaxes(range=[places[0] - 0.6, places[-1] + 0.6], **whole)
    figure.update_xaxes(title={"text": _TITLES[over]}, row=2, col=1)
    figure.update_yaxes(title={"text": "hypervolume ↑"}, rangemode="tozero", tickformat="~s", row=1, col=1)
    figure.update_yaxes(title={"text": "members"}, rangemode="tozero", tickformat="d", nticks=4, row=2, col=1)
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=460)


def _places(steps: Sequence[HypervolumeStep], over: Over) -> list[Any]:
    if over is Over.TIME:
        return [step.time for step in steps]
    if over is Over.REVISION:
        return [step.revision for step in steps]
    # Trials of several workers end in another order than that of their numbers; the front's growth must not go back.
    numbers = [0 if step.trial_number is None else step.trial_number + 1 for step in steps]
    return list(accumulate(numbers, max))


def _add_baselines(figure: go.Figure, info: HypervolumeInfo) -> None:
    if info.baseline_hypervolume is None:
        return
    numbers = [marked_number(number, is_suspect=number in info.suspect_baselines) for number in info.baseline_numbers]
    trials = "trial" if len(info.baseline_numbers) == 1 else "trials"
    figure.add_hline(
        y=info.baseline_hypervolume,
        line={"color": VERMILLION, "dash": "dash", "width": 2},
        annotation={
            "text": f"baselines alone ({trials} {', '.join(numbers)}): {info.baseline_hypervolume:,.4g}",
            "font": {"color": VERMILLION},
            "bgcolor": "rgba(255, 255, 255, 0.8)",
        },
        annotation_position="bottom right",
        row=1,
        col=1,
    )


def _hover(step: HypervolumeStep) -> str:
    if step.trial_number is None:
        cause = "the empty front"
    else:
        cause = f"by trial {marked_number(step.trial_number, is_suspect=bool(step.fired))}"
    lines = (
        f"revision {step.revision}, {cause}",
        f"hypervolume {step.hypervolume:,.6g}",
        f"{step.front_size} on the front",
        f"{step.time:%Y-%m-%d %H:%M:%S} UTC",
        *fired_lines(step.fired),
    )
    return "<br>".join(as_plot_text(line) for line in lines)
