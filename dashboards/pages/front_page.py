"""The front: one view of the objective space at a time, as it is or was, and the comparison of chosen trials."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboards.figures import plot_front
from dashboards.infos import front_view_info, metric_ranges, trial_table_info
from dashboards.infos.front_view import at_revision
from dashboards.labels import as_sentence, format_accuracy, format_jr_weight, format_metric, marked_number, metric_title
from dashboards.pages import comparison
from dashboards.pages.choice import chosen_of, toggled
from dashboards.pages.parts import Content, aria, figure_card, for_page, note, section, switch, table
from dashboards.pages.places import Place, trial_path
from dashboards.pages.source import StudySource
from dashboards.study_view import StudyView
from spaces.objectives import Direction, Objective

_MOST_TABLE_ROWS = 200


def layout(source: StudySource, place: Place) -> list[Component]:
    """Return the page without its figure, which a callback draws."""
    view = source.view(place.study)
    objectives = view.details.objectives
    views = view_names(objectives)
    last = view.details.revisions[-1].revision if view.details.revisions else 0
    return [
        figure_card(
            "front",
            "Pareto front",
            html.Div(
                [
                    switch("front-view", "View", views, next(iter(views))),
                    html.Div(
                        [
                            html.Label(
                                ["Front as of revision ", html.Output(id="front-revision-text")],
                                htmlFor="front-revision",
                            ),
                            dcc.Input(id="front-revision", type="range", min=0, max=last, step=1, value=last),
                        ],
                        className="slider",
                    ),
                ],
                className="controls",
            ),
            _filters(view),
            intro="Each point is a trained trial. Choose points, or rows of the table below, to compare them.",
            has_table=False,
        ),
        section("front-members", "Trials of the front", html.Div(id="front-table")),
        html.Div(id="comparison"),
    ]


def view_names(objectives: tuple[Objective, ...]) -> dict[str, str]:
    """Return the views of a study, "metric+metric" -> name in the switch; what is minimized goes to the x axis."""
    names = {}
    if len(objectives) >= 3:
        names["+".join(item.name for item in objectives[:3])] = "3-D"
    for first, second in combinations(objectives, 2):
        x, y = (second, first) if second.direction is Direction.MINIMIZE else (first, second)
        names[f"{x.name}+{y.name}"] = f"{metric_title(y.name)} / {metric_title(x.name)}"
    return names


def register(app: Dash, source: StudySource) -> None:
    """Register the page's callbacks."""
    _register_figure(app, source)
    _register_members(app, source)
    _register_choice(app)
    comparison.register(app, source)


def _register_figure(app: Dash, source: StudySource) -> None:
    @app.callback(
        Output("front", "figure"),
        Output("front-caption", "children"),
        Output("front-revision-text", "children"),
        Input("screen", "data"),
        Input("stamp", "data"),
        Input("front-view", "value"),
        Input("front-revision", "value"),
        Input({"type": "range", "metric": ALL, "end": ALL}, "value"),
        Input("chosen", "data"),
        State({"type": "range", "metric": ALL, "end": ALL}, "id"),
        State("front-revision", "max"),
        State("place", "data"),
    )
    def draw(
        screen: dict[str, Any] | None,
        _stamp: str,
        axes: str,
        revision: Any,
        limits: list[Any],
        chosen: dict[str, list[int]] | None,
        ids: list[dict[str, str]],
        last: int,
        place: dict[str, Any] | None,
    ) -> tuple[Any, ...]:
        if screen is None or place is None:
            raise PreventUpdate
        study = str(place["study"])
        numbers = chosen_of(chosen, study)
        at = _revision(revision, last)
        view = source.view(study, chosen=numbers, revision=at)
        if at is not None:
            view = at_revision(view, view.details, at)
        info = front_view_info(
            view,
            axes=axes.split("+"),
            ranges=_ranges(ids, limits),
            chosen=numbers,
        )
        figure = plot_front(info, chosen=numbers)
        drawn, caption = for_page(figure, screen, revision=f"{study} {axes}")
        hollow = " Hollow points break a constraint." if any(not point.is_feasible for point in info.points) else ""
        ringed = " A thin ring: a check fired, the robust accuracy is in doubt." if _suspects(info.points) else ""
        newest = view.details.revisions[-1].revision if view.details.revisions else 0
        text = f"{newest} (now)" if at is None else f"{at} of {newest}"
        return drawn, f"{info.title}.{hollow}{ringed} {caption}".strip(), text


def _register_members(app: Dash, source: StudySource) -> None:
    @app.callback(
        Output("front-table", "children"),
        Input("stamp", "data"),
        Input("chosen", "data"),
        State("place", "data"),
    )
    def list_members(_stamp: str, chosen: dict[str, list[int]] | None, place: dict[str, Any] | None) -> Component:
        if place is None:
            raise PreventUpdate
        study = str(place["study"])
        numbers = chosen_of(chosen, study)
        return members_table(source.view(study), numbers, prefix=source.services.prefix)


def _register_choice(app: Dash) -> None:
    @app.callback(
        Output("chosen", "data"),
        Input("front", "clickData"),
        Input({"type": "choose", "number": ALL}, "n_clicks"),
        Input({"type": "forget", "number": ALL}, "n_clicks"),
        State("chosen", "data"),
        State("place", "data"),
        prevent_initial_call=True,
    )
    def choose(
        click: dict[str, Any] | None,
        _choose: list[int | None],
        _forget: list[int | None],
        chosen: dict[str, list[int]] | None,
        place: dict[str, Any] | None,
    ) -> dict[str, list[int]]:
        # Buttons that were only just drawn arrive as triggers without a click.
        if place is None or not ctx.triggered or not ctx.triggered[0]["value"]:
            raise PreventUpdate
        study, numbers = str(place["study"]), chosen_of(chosen, str(place["study"]))
        trigger = ctx.triggered_id
        if trigger == "front":
            number = clicked_number(click)
        else:
            number = None if trigger is None or trigger["number"] == "all" else int(trigger["number"])
        if trigger == "front" and number is None:
            raise PreventUpdate
        return {**(chosen or {}), study: toggled(numbers, number)}

    @app.callback(Output("front", "clickData"), Input("chosen", "data"))
    def forget_click(_chosen: dict[str, list[int]] | None) -> None:
        # Else a second click on the same point would be no news.
        return None


def clicked_number(click: dict[str, Any] | None) -> int | None:
    """Return the trial of a clicked point; None for what is no trial, such as a reference model."""
    points = (click or {}).get("points") or [{}]
    data = points[0].get("customdata")
    value = data[0] if isinstance(data, list) and data else data
    return value if isinstance(value, int) else None


def members_table(view: StudyView, chosen: Sequence[int], *, prefix: str) -> Component:
    """Return the front as a table whose rows can be chosen, for the keyboard and for screen readers."""
    info = trial_table_info(view.details)
    if info.note:
        return note(view.empty_note or as_sentence(info.note))
    names = [objective.name for objective in info.objectives]
    rows: list[list[Content]] = [
        [
            dcc.Link(
                f"#{marked_number(row.number, is_suspect=row.is_suspect)}",
                href=trial_path(prefix, view.details.study.name, row.number),
            ),
            *(format_metric(name, value) for name, value in zip(names, row.values, strict=True)),
            f"{row.mean_weight_bits:.1f}",
            "none" if row.mean_activation_bits is None else f"{row.mean_activation_bits:.1f}",
            format_jr_weight(row.jr_total),
            *(format_accuracy(value) for value in row.worst_case),
            _choose_button(row.number, is_chosen=row.number in chosen),
        ]
        for row in info.rows[:_MOST_TABLE_ROWS]
    ]
    head = ["trial", *map(metric_title, names), "weight bits", "act. bits", "JR total"]
    head += [f"at {label}" for label in info.epsilon_labels]
    left_out = len(info.rows) - len(rows)
    more = f"; the {left_out} largest are left out" if left_out > 0 else ""
    caption = f"By size. Bits are means over layers; accuracies at the radii are worst cases over all attacks{more}"
    return table(caption, [*head, "compare"], rows)


def _choose_button(number: int, *, is_chosen: bool) -> Component:
    return html.Button(
        "chosen" if is_chosen else "compare",
        id={"type": "choose", "number": number},
        type="button",
        className="small on" if is_chosen else "small",
        **aria(pressed="true" if is_chosen else "false", label=f"compare trial {number}"),
    )


def _filters(view: StudyView) -> Component:
    rows = []
    for name, (low, high) in metric_ranges(view).items():
        scale, unit, step = (100, "%", 0.1) if name.endswith("_accuracy") else (1, "B" if "bytes" in name else "", 1)
        shown = f"{low * scale:,.5g} to {high * scale:,.5g} {unit}".strip()
        rows.append(
            html.Fieldset(
                [
                    html.Legend(f"{metric_title(name)}{f', {unit}' if unit else ''}"),
                    *(
                        html.Label(
                            [
                                end,
                                dcc.Input(
                                    id={"type": "range", "metric": name, "end": end},
                                    type="number",
                                    step=step,
                                    debounce=0.6,
                                ),
                            ]
                        )
                        for end in ("from", "to")
                    ),
                    html.Small(f"trials have {shown}"),
                ]
            )
        )
    if not rows:
        return html.Div()
    return html.Details([html.Summary("Filter by ranges"), html.Div(rows, className="filters")], className="as-table")


def _ranges(ids: list[dict[str, str]], limits: list[Any]) -> dict[str, tuple[float, float]]:
    """Return metric -> limits in the metric's own unit, of the metrics that have one."""
    ranges: dict[str, tuple[float, float]] = {}
    for place, value in zip(ids, limits, strict=True):
        if isinstance(value, int | float):
            low, high = ranges.get(place["metric"], (float("-inf"), float("inf")))
            own = value / 100 if place["metric"].endswith("_accuracy") else float(value)
            # What is shown as 71.3% is 0.71262: a limit typed from a table must not shut its own row out.
            slack = 5e-4 if place["metric"].endswith("_accuracy") else 0.5
            ranges[place["metric"]] = (own - slack, high) if place["end"] == "from" else (low, own + slack)
    return ranges


def _revision(value: Any, last: int) -> int | None:
    """Return a past revision; None for the newest, which moves on while the study runs."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < last else None


def _suspects(points: Sequence[Any]) -> bool:
    return any(point.is_suspect for point in points)
