"""The progress: hypervolume, decisions at the rungs, who trained what when, and what failed."""

from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboards.figures import Over, plot_hypervolume, plot_rung_decisions, plot_timeline
from dashboards.infos import (
    HypervolumeInfo,
    RungDecisionsInfo,
    TimelineInfo,
    failure_groups,
    hypervolume_info,
    rung_decisions_info,
    timeline_info,
)
from dashboards.labels import as_sentence, format_accuracy, format_duration
from dashboards.pages.parts import Content, facts, figure_card, for_page, note, section, switch, table
from dashboards.pages.places import Place, trial_path
from dashboards.pages.source import StudySource
from storage.records import TrialState
from storage.workers import ALIVE_WITHIN_S

_OVERS = {Over.TIME.value: "time", Over.TRIALS.value: "trials", Over.REVISION.value: "revisions"}
_MOST_ROWS = 100


def layout(_source: StudySource, _place: Place) -> list[Component]:
    """Return the page without what changes, which callbacks fill in."""
    return [
        section("counts", "Trials and workers", html.Div(id="progress-facts")),
        figure_card(
            "growth",
            "Growth of the front",
            switch("growth-over", "Over", _OVERS, Over.TIME.value),
            intro="The volume between the front and the study's reference point; below, the members of the front.",
        ),
        figure_card("timeline", "Workers and trials", intro="One row per worker, one bar per trial."),
        figure_card("rungs", "Early stopping", intro="What each trial scored at the rungs, and whether it went on."),
        section("failures", "Without a result", html.Div(id="failure-table")),
    ]


def register(app: Dash, source: StudySource) -> None:
    """Register the page's callbacks."""
    for register_part in (_register_counts, _register_growth, _register_timeline, _register_rungs):
        register_part(app, source)


def _register_counts(app: Dash, source: StudySource) -> None:
    @app.callback(
        Output("progress-facts", "children"),
        Output("failure-table", "children"),
        Input("stamp", "data"),
        Input("tick", "n_intervals"),
        State("place", "data"),
    )
    def count(_stamp: str, _tick: int, place: dict[str, Any] | None) -> tuple[Component, Component]:
        if place is None:
            raise PreventUpdate
        study = str(place["study"])
        return progress_facts(source, study), failures(source, study)


def _register_growth(app: Dash, source: StudySource) -> None:
    @app.callback(
        Output("growth", "figure"),
        Output("growth-caption", "children"),
        Output("growth-table", "children"),
        Input("screen", "data"),
        Input("stamp", "data"),
        Input("growth-over", "value"),
        State("place", "data"),
    )
    def draw_growth(
        screen: dict[str, Any] | None, _stamp: str, over: str, place: dict[str, Any] | None
    ) -> tuple[Any, ...]:
        if screen is None or place is None:
            raise PreventUpdate
        info = hypervolume_info(source.view(str(place["study"])).details)
        figure = plot_hypervolume(info, over=Over(over))
        drawn, caption = for_page(figure, screen, revision=f"{place['study']} {over}")
        return drawn, caption, growth_table(info)


def _register_timeline(app: Dash, source: StudySource) -> None:
    @app.callback(
        Output("timeline", "figure"),
        Output("timeline-caption", "children"),
        Output("timeline-table", "children"),
        Input("screen", "data"),
        Input("stamp", "data"),
        State("place", "data"),
    )
    def draw_timeline(screen: dict[str, Any] | None, _stamp: str, place: dict[str, Any] | None) -> tuple[Any, ...]:
        if screen is None or place is None:
            raise PreventUpdate
        info = timeline_info(source.view(str(place["study"])), now=datetime.now(UTC))
        figure, caption = for_page(plot_timeline(info), screen, revision=f"{place['study']} timeline")
        return figure, caption, timeline_table(info, prefix=source.services.prefix, study=str(place["study"]))


def _register_rungs(app: Dash, source: StudySource) -> None:
    @app.callback(
        Output("rungs", "figure"),
        Output("rungs-caption", "children"),
        Output("rungs-table", "children"),
        Input("screen", "data"),
        Input("stamp", "data"),
        State("place", "data"),
    )
    def draw_rungs(screen: dict[str, Any] | None, _stamp: str, place: dict[str, Any] | None) -> tuple[Any, ...]:
        if screen is None or place is None:
            raise PreventUpdate
        snapshot = source.view(str(place["study"])).details
        info = rung_decisions_info(snapshot, source.services.rungs.rungs(snapshot.study.id))
        figure, caption = for_page(plot_rung_decisions(info), screen, revision=f"{place['study']} rungs")
        return figure, caption, rung_table(info)


def progress_facts(source: StudySource, study: str) -> Component:
    """Return the counts of trials by state and the workers that are alive."""
    view = source.view(study)
    workers = source.services.workers.alive(view.details.study.id, within_s=ALIVE_WITHIN_S)
    items: list[tuple[str, Content]] = [("budget", f"{view.details.spec.budget.trials:,} trials")]
    items += [(state.value, f"{view.count(state):,}") for state in TrialState if view.count(state)]
    names = ", ".join(
        f"{worker.identity.name} ({worker.state.value}{'' if worker.number is None else f', trial {worker.number}'})"
        for worker in workers
    )
    items.append(("workers alive", names or "none"))
    if view.trials:
        ended = [trial.finished_at for trial in view.trials if trial.finished_at is not None]
        began = min(trial.started_at for trial in view.trials)
        items.append(("began", f"{began:%Y-%m-%d %H:%M} UTC"))
        if ended:
            items.append(("newest result", f"{max(ended):%Y-%m-%d %H:%M} UTC"))
    return facts(items)


def failures(source: StudySource, study: str) -> Component:
    """Return the trials that came to no result, grouped by reason, with links to the trials."""
    groups = failure_groups(source.view(study).trials)
    if not groups:
        return note("Every trial that ended came to a result.")
    rows: list[list[Content]] = [
        [
            group.state.value,
            f"{len(group.numbers):,}",
            group.reason,
            html.Span(
                [
                    link
                    for number in group.numbers[:8]
                    for link in (
                        dcc.Link(f"#{number}", href=trial_path(source.services.prefix, study, number)),
                        " ",
                    )
                ]
                + ([f"and {len(group.numbers) - 8:,} more"] if len(group.numbers) > 8 else [])
            ),
        ]
        for group in groups[:_MOST_ROWS]
    ]
    left_out = f"; {len(groups) - _MOST_ROWS:,} rarer reasons left out" if len(groups) > _MOST_ROWS else ""
    caption = f"Trials without a result, by reason{left_out}"
    return table(caption, ["state", "trials", "reason", "which"], rows, is_numeric=False)


def growth_table(info: HypervolumeInfo) -> Component:
    """Return the newest revisions of the front as a table."""
    if info.note:
        return note(as_sentence(info.note))
    rows: list[list[Content]] = [
        [
            f"{step.revision}",
            "—" if step.trial_number is None else f"#{step.trial_number}",
            f"{step.hypervolume:,.6g}",
            f"{step.front_size}",
            f"{step.time:%Y-%m-%d %H:%M:%S}",
        ]
        for step in reversed(info.steps[-_MOST_ROWS:])
    ]
    head = ["revision", "by trial", "hypervolume", "members", "time (UTC)"]
    return table("Revisions of the front, the newest first", head, rows)


def timeline_table(info: TimelineInfo, *, prefix: str, study: str) -> Component:
    """Return the newest trials as a table with links."""
    if info.note:
        return note(as_sentence(info.note))
    rows: list[list[Content]] = [
        [
            dcc.Link(f"#{span.number}", href=trial_path(prefix, study, span.number)),
            span.state.value,
            span.worker,
            f"{span.started_at:%Y-%m-%d %H:%M:%S}",
            format_duration((span.ended_at - span.started_at).total_seconds()),
        ]
        for span in reversed(info.spans[-_MOST_ROWS:])
    ]
    return table("The newest trials", ["trial", "state", "worker", "began (UTC)", "took"], rows, is_numeric=False)


def rung_table(info: RungDecisionsInfo) -> Component:
    """Return the newest decisions as a table."""
    if info.note:
        return note(as_sentence(info.note))
    newest = sorted(info.arrivals, key=lambda arrival: (arrival.number, arrival.rung))[-_MOST_ROWS:]
    rows: list[list[Content]] = [
        [
            f"#{arrival.number}",
            f"{arrival.rung}",
            f"{arrival.epochs}",
            format_accuracy(arrival.clean_accuracy),
            format_accuracy(arrival.robust_accuracy),
            "went on" if arrival.goes_on else "stopped",
        ]
        for arrival in reversed(newest)
    ]
    return table("Decisions at the rungs", ["trial", "rung", "epochs", "clean", "robust", "decision"], rows)
