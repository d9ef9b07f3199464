"""The layers: what the front chose for each, what goes with which objective, and where the bytes are."""

from typing import Any

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboards.figures import plot_importance, plot_layer_bytes, plot_layer_choices
from dashboards.figures.frame import note_figure
from dashboards.infos import (
    ImportanceInfo,
    LayerBytesInfo,
    LayerChoicesInfo,
    layer_bytes_info,
    layer_choices_info,
)
from dashboards.infos.importance import CHOICES
from dashboards.infos.layer_bytes import PARTS
from dashboards.labels import as_sentence, format_jr_weight, marked_number, metric_title
from dashboards.pages.parts import Content, figure_card, for_page, note, table
from dashboards.pages.places import Place
from dashboards.pages.source import StudySource

_METHOD = (
    "Spearman's rank correlation between a layer's choice and an objective, over the complete trials: +1 where more of "
    "it always goes with more of the objective, -1 where it always goes with less, 0 where it does not matter. It "
    "ranks each choice alone, and the search does not draw choices evenly: read it as a hint, not as a cause."
)


def layout(source: StudySource, place: Place) -> list[Component]:
    """Return the page without its figures, which callbacks draw."""
    view = source.view(place.study)
    numbers = [trial.number for trial in view.details.trials if trial.number in view.details.measurements]
    info = layer_choices_info(view.details)
    middle = info.trial_numbers[len(info.trial_numbers) // 2] if info.trial_numbers else None
    pick = html.Div(
        [
            html.Label("Trial", htmlFor="bytes-trial"),
            dcc.Input(
                id="bytes-trial",
                type="number",
                min=0,
                step=1,
                debounce=0.5,
                value=middle if middle is not None else (numbers[0] if numbers else None),
            ),
        ],
        className="controls",
    )
    return [
        figure_card(
            "choices",
            "What the front chose",
            intro="One column per trial of the front, the smallest at the left; one row per layer.",
        ),
        figure_card("importance", "What matters", intro=_METHOD),
        figure_card(
            "bytes", "Where the bytes are", pick, intro="Parameters of one trial in flash, as the exporter writes them."
        ),
    ]


def register(app: Dash, source: StudySource) -> None:
    """Register the page's callbacks."""

    @app.callback(
        Output("choices", "figure"),
        Output("choices-caption", "children"),
        Output("choices-table", "children"),
        Output("choices", "style"),
        Input("screen", "data"),
        Input("stamp", "data"),
        State("place", "data"),
    )
    def draw_choices(screen: dict[str, Any] | None, _stamp: str, place: dict[str, Any] | None) -> tuple[Any, ...]:
        if screen is None or place is None:
            raise PreventUpdate
        info = layer_choices_info(source.view(str(place["study"])).details)
        figure, caption = for_page(plot_layer_choices(info), screen, revision=f"{place['study']} choices")
        grey = "Grey: no such choice. A Jacobian weight of 0 has its own colour."
        width = {"minWidth": f"{230 + 34 * len(info.trial_numbers)}px"}
        return figure, f"{grey} {caption}".strip(), choices_table(info), width

    @app.callback(
        Output("importance", "figure"),
        Output("importance-caption", "children"),
        Output("importance-table", "children"),
        Input("screen", "data"),
        Input("stamp", "data"),
        State("place", "data"),
    )
    def draw_importance(screen: dict[str, Any] | None, _stamp: str, place: dict[str, Any] | None) -> tuple[Any, ...]:
        if screen is None or place is None:
            raise PreventUpdate
        info = source.importance(str(place["study"]))
        figure = plot_importance(info, n_columns=1 if screen.get("is_narrow") else 3)
        drawn, caption = for_page(figure, screen, revision=f"{place['study']} importance")
        return drawn, caption, importance_table(info)

    @app.callback(
        Output("bytes", "figure"),
        Output("bytes-caption", "children"),
        Output("bytes-table", "children"),
        Input("screen", "data"),
        Input("bytes-trial", "value"),
        State("place", "data"),
    )
    def draw_bytes(screen: dict[str, Any] | None, number: Any, place: dict[str, Any] | None) -> tuple[Any, ...]:
        if screen is None or place is None:
            raise PreventUpdate
        study = str(place["study"])
        view = source.view(study, chosen=[number] if isinstance(number, int) else [])
        if not any(trial.number == number for trial in view.details.trials):
            empty = note_figure(title="", note="there is no such trial", is_synthetic=False)
            return for_page(empty, screen, revision="none")[0], "", note("There is no such trial.")
        info = layer_bytes_info(view.details, int(number))
        figure, caption = for_page(plot_layer_bytes(info), screen, revision=f"{study} bytes")
        return figure, caption, bytes_table(info)


def choices_table(info: LayerChoicesInfo) -> Component:
    """Return the heat maps as a table: bits of weights and activations, and Jacobian weight, in one cell."""
    if info.note:
        return note(as_sentence(info.note))
    rows: list[list[Content]] = [
        [
            layer,
            *(
                "—"
                if weights is None
                else f"{weights} / {'—' if activations is None else activations} / {format_jr_weight(jr or 0)}"
                for weights, activations, jr in zip(
                    info.weight_bits[row], info.activation_bits[row], info.jr_weight[row], strict=True
                )
            ),
        ]
        for row, layer in enumerate(info.layers)
    ]
    numbers = [
        f"#{marked_number(n, is_suspect=bool(fired))}" for n, fired in zip(info.trial_numbers, info.fired, strict=True)
    ]
    return table("Weight bits / activation bits / Jacobian weight", ["layer", *numbers], rows)


def importance_table(info: ImportanceInfo) -> Component:
    """Return the correlations as a table: layers down, objectives and choices across."""
    if info.note:
        return note(as_sentence(info.note))
    head = ["layer", *(f"{metric_title(item.name)}: {choice}" for item in info.objectives for choice in CHOICES)]
    rows: list[list[Content]] = [
        [
            layer,
            *("—" if value is None else f"{value:+.2f}" for matrix in info.correlations for value in matrix[row]),
        ]
        for row, layer in enumerate(info.layers)
    ]
    caption = f"Rank correlations over {info.n_trials} trials; within ±{info.noise:.2f} lies what chance gives"
    return table(caption, head, rows)


def bytes_table(info: LayerBytesInfo) -> Component:
    """Return the bytes of every layer as a table."""
    if info.note:
        return note(as_sentence(info.note))
    rows: list[list[Content]] = []
    for layer, *values in zip(info.layers, *info.parts, strict=True):
        total = sum(values)
        rows.append([layer, *(f"{value:,}" for value in values), f"{total:,}", f"{total / info.total:.1%}"])
    return table(f"{info.title}: {info.total:,} bytes", ["layer", *PARTS, "all", "share"], rows)
