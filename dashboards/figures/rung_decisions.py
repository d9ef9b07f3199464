"""What early stopping decided: the trials that reached each rung, and which went on."""

import plotly.graph_objects as go

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.rung_decisions import RungArrival, RungDecisionsInfo
from dashboards.labels import format_accuracy
from dashboards.theme import BLUE, VERMILLION

_STYLES = {True: ("went on", BLUE, "circle"), False: ("stopped here", VERMILLION, "x")}


def plot_rung_decisions(info: RungDecisionsInfo) -> go.Figure:
    """Draw every trial at every rung it reached, at the robust accuracy that it had there."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    figure = go.Figure()
    for goes_on, (name, color, symbol) in _STYLES.items():
        arrivals = [arrival for arrival in info.arrivals if arrival.goes_on is goes_on]
        if arrivals:
            figure.add_trace(
                go.Scatter(
                    x=[_place(arrival) for arrival in arrivals],
                    y=[arrival.robust_accuracy for arrival in arrivals],
                    mode="markers",
                    name=name,
                    marker={"color": color, "symbol": symbol, "size": 9, "opacity": 0.8},
                    hovertext=[_hover(arrival) for arrival in arrivals],
                    hoverinfo="text",
                    customdata=[[arrival.number] for arrival in arrivals],
                )
            )
    rungs = sorted({(arrival.rung, arrival.epochs) for arrival in info.arrivals})
    labels = []
    for rung, epochs in rungs:
        on, stopped = info.counts(rung)
        labels.append(f"rung {rung}, epoch {epochs}<br>{on} went on, {stopped} stopped")
    figure.update_xaxes(tickvals=[rung for rung, _ in rungs], ticktext=labels, range=[-0.6, rungs[-1][0] + 0.6])
    figure.update_yaxes(title={"text": "robust accuracy at the rung ↑"}, tickformat="~%", rangemode="tozero")
    figure.update_layout(legend={"y": -0.25}, hovermode="closest")
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=420)


def _place(arrival: RungArrival) -> float:
    # Side by side by number, so that trials of equal accuracy stay apart.
    return arrival.rung + ((arrival.number * 37) % 41 - 20) / 80


def _hover(arrival: RungArrival) -> str:
    return (
        f"trial {arrival.number} {'went on' if arrival.goes_on else 'was stopped'}<br>"
        f"clean {format_accuracy(arrival.clean_accuracy)}, robust {format_accuracy(arrival.robust_accuracy)}"
    )
