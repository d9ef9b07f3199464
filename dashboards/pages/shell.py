"""What surrounds every page: the document, the header, the navigation, and what tells the pages to refresh."""

from pathlib import Path
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.pages import front_page, layers_page, progress_page, studies_page, trial_page
from dashboards.pages.parts import aria, note
from dashboards.pages.places import Page, Place, is_home, parse_place, study_path
from dashboards.pages.source import StudySource
from spaces.errors import SearchError
from storage.workers import ALIVE_WITHIN_S

INDEX = """<!doctype html>
<html lang="en">
<head>
{%metas%}
<meta name="color-scheme" content="light dark">
<title>{%title%}</title>
{%favicon%}
{%css%}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
{%app_entry%}
{%config%}
{%scripts%}
{%renderer%}
</body>
</html>
"""

POLL_MS = 5000
ASSETS = str(Path(__file__).with_name("assets"))

_PAGES = {
    Page.FRONT: front_page.layout,
    Page.LAYERS: layers_page.layout,
    Page.PROGRESS: progress_page.layout,
    Page.TRIAL: trial_page.layout,
}
_TITLES = {Page.FRONT: "Front", Page.LAYERS: "Layers", Page.PROGRESS: "Progress"}


def layout(prefix: str, optuna_url: str) -> Component:
    """Return the frame into which `register` puts the page that the address names."""
    return html.Div(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="screen"),
            dcc.Store(id="place"),
            dcc.Store(id="title"),
            dcc.Store(id="stamp"),
            dcc.Store(id="chosen", storage_type="session"),
            dcc.Interval(id="tick", interval=POLL_MS),
            html.Header(
                [
                    dcc.Link("cosearch", href=prefix, className="brand"),
                    html.Div(
                        [
                            # Here and not on the pages, because a poll may end after its page was left.
                            html.Span(id="live", className="pill", role="status"),
                            html.A("Optuna dashboard", href=optuna_url, className="quiet"),
                            html.Button("Dark theme", id="theme-toggle", type="button", className="quiet"),
                        ],
                        className="tools",
                    ),
                ],
                className="top",
            ),
            html.Main(id="main", tabIndex="-1"),
        ]
    )


def register(app: Dash, source: StudySource) -> None:
    """Register the callbacks of the frame."""
    prefix = source.services.prefix

    @app.callback(
        Output("main", "children"),
        Output("place", "data"),
        Output("title", "data"),
        Output("stamp", "data"),
        Output("tick", "disabled"),
        Output("live", "children"),
        Input("url", "pathname"),
    )
    def show(
        pathname: str | None,
    ) -> tuple[Any, dict[str, Any] | None, str, str | None, bool, str]:
        if is_home(pathname, prefix=prefix):
            return studies_page.layout(source), None, "Studies · cosearch", None, False, ""
        place = parse_place(pathname, prefix=prefix)
        if place is None:
            return _missing("There is no such page.", prefix), None, "Not found · cosearch", None, True, ""
        try:
            body, stamp, is_done = (
                _PAGES[place.page](source, place),
                source.stamp(place.study),
                source.is_done(place.study),
            )
        except SearchError as error:
            return _missing(str(error), prefix), None, "Not found · cosearch", None, True, ""
        data = {"study": place.study, "page": place.page.value, "number": place.number}
        name = f"Trial {place.number}" if place.page is Page.TRIAL else _TITLES[place.page]
        return (
            [_study_head(source, place), *body],
            data,
            f"{name} of {place.study} · cosearch",
            stamp,
            is_done,
            live_text(source, place.study),
        )

    @app.callback(
        Output("stamp", "data", allow_duplicate=True),
        Output("live", "children", allow_duplicate=True),
        Output("tick", "disabled", allow_duplicate=True),
        Input("tick", "n_intervals"),
        State("place", "data"),
        State("stamp", "data"),
        prevent_initial_call=True,
    )
    def refresh(_: int, place: dict[str, str] | None, known: str | None) -> tuple[object, object, object]:
        if place is None:
            return no_update, no_update, no_update
        stamp = source.stamp(place["study"])
        is_done = source.is_done(place["study"])
        return (no_update if stamp == known else stamp), live_text(source, place["study"]), is_done

    in_browser: Any = app.clientside_callback  # has no types
    in_browser(ClientsideFunction("cosearch", "toggle"), Output("screen", "data"), Input("theme-toggle", "n_clicks"))
    in_browser(ClientsideFunction("cosearch", "label"), Output("theme-toggle", "children"), Input("screen", "data"))
    in_browser(ClientsideFunction("cosearch", "title"), Input("title", "data"))


def live_text(source: StudySource, study: str) -> str:
    """Return in a few words whether the study goes on."""
    if source.is_done(study):
        return "finished"
    record = source.services.repository.get_study(study)
    n_workers = len(source.services.workers.alive(record.id, within_s=ALIVE_WITHIN_S))
    return f"{n_workers} worker{'' if n_workers == 1 else 's'} at work" if n_workers else "no worker at work"


def _study_head(source: StudySource, place: Place) -> Component:
    prefix = source.services.prefix
    links = [
        dcc.Link(
            title,
            href=study_path(prefix, place.study, page),
            className="page-tab here" if page is place.page else "page-tab",
        )
        for page, title in _TITLES.items()
    ]
    here = [] if place.page is not Page.TRIAL else [html.Span(f"Trial {place.number}", className="page-tab here")]
    study = source.services.repository.get_study(place.study)
    warning = html.P("Synthetic data: a dry run of the pipeline, the figures mean nothing.", className="banner")
    return html.Div(
        [
            html.Nav(
                [
                    dcc.Link("Studies", href=prefix),
                    html.Span("/", className="slash", **aria(hidden="true")),
                    place.study,
                ],
                className="crumbs",
                **aria(label="Where you are"),
            ),
            html.Div(
                [
                    html.H1(place.study if place.page is not Page.TRIAL else f"{place.study}, trial {place.number}"),
                ],
                className="headline",
            ),
            *([warning] if study.is_synthetic else []),
            *([note(f"Data: {study.shown_data_note}")] if study.shown_data_note else []),
            html.Nav([*links, *here], className="tabs", **aria(label="Pages of the study")),
        ]
    )


def _missing(text: str, prefix: str) -> list[Component]:
    return [
        html.H1("Nothing here"),
        note(text),
        dcc.Link("All studies", href=prefix),
    ]
