"""The chosen trials side by side, below the front: metric by metric, layer by layer, accuracy against epsilon."""

from collections.abc import Sequence
from typing import Any

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboards.figures import plot_robustness_curves
from dashboards.infos import ComparisonInfo, RobustnessCurvesInfo, comparison_info, robustness_curves_info
from dashboards.labels import (
    as_sentence,
    format_accuracy,
    format_jr_weight,
    format_metric,
    marked_number,
    metric_title_with_direction,
)
from dashboards.pages.choice import chosen_of
from dashboards.pages.parts import Content, aria, figure_card, for_page, note, section, table
from dashboards.pages.places import trial_path
from dashboards.pages.source import StudySource
from spaces.layer_policy import LayerPolicy


def register(app: Dash, source: StudySource) -> None:
    """Register the callbacks that follow the choice."""

    @app.callback(
        Output("comparison", "children"),
        Input("chosen", "data"),
        State("place", "data"),
    )
    def compare(chosen: dict[str, list[int]] | None, place: dict[str, Any] | None) -> list[Component]:
        if place is None:
            raise PreventUpdate
        return comparison_parts(source, str(place["study"]), chosen_of(chosen, str(place["study"])))

    @app.callback(
        Output("compared-curves", "figure"),
        Output("compared-curves-caption", "children"),
        Output("compared-curves-table", "children"),
        Input("screen", "data"),
        Input("chosen", "data"),
        State("place", "data"),
    )
    def draw(
        screen: dict[str, Any] | None, chosen: dict[str, list[int]] | None, place: dict[str, Any] | None
    ) -> tuple[Any, str, Component]:
        if screen is None or place is None:
            raise PreventUpdate
        study, numbers = str(place["study"]), chosen_of(chosen, str(place["study"]))
        snapshot = source.view(study, chosen=numbers).details
        info = robustness_curves_info(snapshot, [n for n in numbers if n in snapshot.measurements])
        figure, caption = for_page(plot_robustness_curves(info), screen, revision=f"{study} curves")
        return figure, caption, curves_table(info)


def comparison_parts(source: StudySource, study: str, numbers: Sequence[int]) -> list[Component]:
    """Return the cards of the comparison: a hint while fewer than two trials are chosen."""
    view = source.view(study, chosen=numbers)
    known = [number for number in numbers if any(trial.number == number for trial in view.trials)]
    if not known:
        return []
    info = comparison_info(view.details, known)
    chips = _chips(info, [*info.numbers, *info.left_out], prefix=source.services.prefix, study=study)
    hint = [note("Choose another trial to compare it with this one.")] if len(known) == 1 else []
    if info.note:
        return [section("compare", "Comparison", chips, note(as_sentence(info.note)))]
    return [
        section("compare", "Comparison", chips, *hint, _metric_table(info)),
        figure_card(
            "compared-curves",
            "Accuracy against epsilon",
            intro="The worst case over all attacks of the search. The wider the band, the less the examples say.",
        ),
        section("compare-layers", "Layer by layer", _layer_table(info)),
    ]


def curves_table(info: RobustnessCurvesInfo) -> Component:
    """Return the curves as a table, each accuracy with its interval."""
    rows: list[list[Content]] = [
        [
            f"#{marked_number(curve.number, is_suspect=curve.is_suspect)}",
            *(
                f"{format_accuracy(value)} ({low:.1%} to {high:.1%})"
                for value, low, high in zip(curve.worst_case, curve.lower, curve.upper, strict=True)
            ),
        ]
        for curve in info.curves
    ]
    caption = f"Worst-case accuracy on {info.n_examples} examples, with 95% Wilson intervals"
    return table(caption, ["trial", *info.epsilon_labels], rows)


def _chips(info: ComparisonInfo, numbers: Sequence[int], *, prefix: str, study: str) -> Component:
    chips = [
        html.Li(
            [
                dcc.Link(
                    f"trial {marked_number(number, is_suspect=number in info.suspects)}",
                    href=trial_path(prefix, study, number),
                ),
                html.Button(
                    "\N{MULTIPLICATION SIGN}",
                    id={"type": "forget", "number": number},
                    type="button",
                    **aria(label=f"take trial {number} out of the comparison"),
                ),
            ],
            className="chip",
        )
        for number in numbers
    ]
    clear = html.Li(html.Button("Clear", id={"type": "forget", "number": "all"}, type="button", className="small"))
    return html.Ul([*chips, clear], className="chips", **aria(label="chosen trials"))


def _metric_table(info: ComparisonInfo) -> Component:
    head = ["metric", *(f"#{marked_number(n, is_suspect=n in info.suspects)}" for n in info.numbers)]
    rows: list[list[Content]] = []
    marked = set()
    for index, row in enumerate(info.metrics):
        rows.append([metric_title_with_direction(row.name), *(format_metric(row.name, v) for v in row.values)])
        marked |= {(index, column) for column, n in enumerate(info.numbers, start=1) if n in row.best}
    for label, values in info.worst_case:
        rows.append([f"worst case at {label}", *map(format_accuracy, values)])
    return table("Metrics; the best value of each row is marked", head, rows, marked=frozenset(marked))


def _layer_table(info: ComparisonInfo) -> Component:
    head = ["layer", *(f"#{n}" for n in info.numbers)]
    marked = frozenset(
        (index, column)
        for index, row in enumerate(info.layers)
        if row.differs
        for column in range(1, len(info.numbers) + 1)
    )
    rows: list[list[Content]] = [
        [row.name, *(_policy(policy, size) for policy, size in zip(row.policies, row.bytes, strict=True))]
        for row in info.layers
    ]
    caption = "W and A: bits of weights and activations; JR: Jacobian weight; marked where the trials differ"
    return table(caption, head, rows, marked=marked)


def _policy(policy: LayerPolicy | None, size: int | None) -> str:
    if policy is None:
        return "—"
    activation = "" if policy.activation_bits is None else f" A{policy.activation_bits}"
    room = "" if size is None else f", {size:,} B"
    return f"W{policy.weight_bits}{activation} JR {format_jr_weight(policy.jr_weight)}{room}"
