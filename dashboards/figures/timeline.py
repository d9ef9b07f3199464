"""The timeline of workers and trials: one row per worker, one bar per trial, coloured by how it ended."""

import plotly.graph_objects as go

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.timeline import TimelineInfo, TrialSpan
from dashboards.labels import as_plot_text
from dashboards.theme import BLUE, GREEN, GREY, ORANGE, VERMILLION
from storage.records import TrialState

# Pattern beside colour: told apart in print and with any colour vision.
_STYLES = {
    TrialState.COMPLETE: (BLUE, ""),
    TrialState.RUNNING: (GREEN, "."),
    TrialState.STOPPED: (ORANGE, "/"),
    TrialState.FAILED: (VERMILLION, "x"),
    TrialState.REFUSED: (GREY, "-"),
}


def plot_timeline(info: TimelineInfo) -> go.Figure:
    """Draw when every trial was trained, and by whom."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    figure = go.Figure()
    for state, (color, pattern) in _STYLES.items():
        spans = [span for span in info.spans if span.state is state]
        if not spans:
            continue
        figure.add_trace(
            go.Bar(
                base=[span.started_at for span in spans],
                x=[(span.ended_at - span.started_at).total_seconds() * 1000 for span in spans],
                y=[as_plot_text(span.worker) for span in spans],
                orientation="h",
                name=state.value,
                marker={
                    "color": color,
                    "pattern": {"shape": pattern, "fgopacity": 0.6, "size": 6},
                    "line": {"color": "#FFFFFF", "width": 1},
                },
                hovertext=[_hover(span) for span in spans],
                hoverinfo="text",
                customdata=[[span.number] for span in spans],
            )
        )
    figure.update_xaxes(type="date", title={"text": "time (UTC)"})
    rows = [as_plot_text(worker) for worker in reversed(info.workers)]
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=rows, ticks="")
    figure.update_layout(barmode="overlay", bargap=0.35, legend={"y": -0.35}, hovermode="closest")
    subtitle = (
        f"the newest {len(info.spans)} trials; {info.n_earlier:,} earlier ones left out" if info.n_earlier else None
    )
    height = 200 + 44 * len(info.workers)
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=height, subtitle=subtitle)


def _hover(span: TrialSpan) -> str:
    minutes = (span.ended_at - span.started_at).total_seconds() / 60
    lines = [
        f"trial {span.number}, {span.state.value}",
        f"worker {span.worker}",
        f"{span.started_at:%Y-%m-%d %H:%M:%S}, {minutes:.1f} min",
        *([span.reason] if span.reason else []),
    ]
    return "<br>".join(as_plot_text(line) for line in lines)
