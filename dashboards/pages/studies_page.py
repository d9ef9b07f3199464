"""The list of studies: how far each is, who works on it, and what it has found."""

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.infos.study_list import StudyLine, study_lines
from dashboards.labels import format_duration
from dashboards.pages.parts import aria, facts, note
from dashboards.pages.places import study_path
from dashboards.pages.source import StudySource
from storage.workers import ALIVE_WITHIN_S


def layout(source: StudySource) -> list[Component]:
    """Return the whole page; it is cheap, so that it is made anew at every refresh."""
    return [html.H1("Studies"), html.Div(_cards(source), id="studies")]


def register(app: Dash, source: StudySource) -> None:
    """Register the page's refresh."""

    @app.callback(
        Output("studies", "children"), Input("tick", "n_intervals"), State("place", "data"), prevent_initial_call=True
    )
    def refresh(_: int, place: dict[str, object] | None) -> object:
        return no_update if place is not None else _cards(source)


def _cards(source: StudySource) -> list[Component]:
    services = source.services
    lines = study_lines(services.repository.progress(), services.workers.count_alive(within_s=ALIVE_WITHIN_S))
    if not lines:
        return [
            note("No study is stored yet. Start one:"),
            html.Pre("python -m search launch --study digits", tabIndex="0"),
        ]
    return [html.Div([_card(line, services.prefix) for line in lines], className="studies")]


def _card(line: StudyLine, prefix: str) -> Component:
    left = "—" if line.time_left_s is None else format_duration(line.time_left_s)
    pace = "—" if line.trials_per_hour is None else f"{line.trials_per_hour:.3g}"
    trouble = [("failed", f"{line.n_failed}")] if line.n_failed else []
    return html.Article(
        [
            html.Div(
                [
                    html.H2(dcc.Link(line.name, href=study_path(prefix, line.name))),
                    html.Span(line.status.value, className=f"pill {line.status.name.lower()}"),
                ],
                className="headline",
            ),
            *([html.P("synthetic data, figures mean nothing", className="alarm")] if line.is_synthetic else []),
            html.Progress(value=str(line.n_trained), max=str(line.budget), **aria(label=f"trials of {line.name}")),
            html.P(f"{line.n_trained:,} of {line.budget:,} trials", className="progress-text"),
            facts(
                [
                    ("workers alive", f"{line.n_workers}"),
                    ("on the front", f"{line.front_size}"),
                    ("hypervolume", f"{line.hypervolume:,.5g}"),
                    ("trials per hour", pace),
                    ("time left", left),
                    ("stopped early", f"{line.n_stopped}"),
                    *trouble,
                ]
            ),
        ],
        className="card study",
    )
