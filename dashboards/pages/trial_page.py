"""One trial: its values, training, layers, attacks, checks, audits, refinements and files."""

from typing import Any

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboards.figures import plot_attack_curves, plot_layer_bytes, plot_training_curve
from dashboards.fired_checks import fired_checks
from dashboards.infos import RobustnessCurvesInfo, layer_bytes_info, robustness_curves_info, training_curve_info
from dashboards.infos.training_curve import TrainingCurveInfo
from dashboards.labels import (
    as_sentence,
    format_accuracy,
    format_duration,
    format_metric,
    marked_number,
    metric_title_with_direction,
)
from dashboards.pages import export_dialog, trial_tables
from dashboards.pages.layers_page import bytes_table
from dashboards.pages.parts import Content, aria, facts, figure_card, for_page, note, section, table
from dashboards.pages.places import Place, trial_path
from dashboards.pages.source import StudySource
from dashboards.snapshot import StudySnapshot
from spaces.objectives import METRICS
from storage.records import TrialRecord, TrialState


def layout(source: StudySource, place: Place) -> list[Component]:
    """Return the page; its figures are drawn by callbacks.

    Raises:
        SelectionError: there is no such trial.
    """
    number = place.number or 0
    view = source.trial(place.study, number)
    snapshot = view.details
    trial = snapshot.trial(number)
    study_id, services = snapshot.study.id, source.services
    files = services.repository.artifacts(study_id, number)
    runs = [run for run in services.refinements.runs(study_id) if run.number == number]
    rungs = services.rungs.rungs(study_id, number=number)
    return [
        html.Div(
            [_neighbours(snapshot, number, prefix=services.prefix), export_dialog.opener(services.exports, files)],
            className="controls spread",
        ),
        section("values", "Result", outcome(snapshot, trial)),
        figure_card("curve", "Training"),
        section("layers", "Layer by layer", trial_tables.layers(trial)),
        figure_card("trial-bytes", "Where the bytes are"),
        figure_card("attacks", "Under attack", intro="Accuracy under each attack of the search alone."),
        section("checks", "Checks", *trial_tables.checks(snapshot, trial)),
        section("audits", "Audits and refinements", *trial_tables.audits(snapshot, number), *trial_tables.runs(runs)),
        *([section("trial-rungs", "Rungs", trial_tables.rungs(rungs))] if rungs else []),
        section("files", "Files", trial_tables.files(files)),
        export_dialog.layout(services.exports, number),
    ]


def register(app: Dash, source: StudySource) -> None:
    """Register the page's callbacks."""

    @app.callback(
        Output("curve", "figure"),
        Output("curve-caption", "children"),
        Output("curve-table", "children"),
        Output("trial-bytes", "figure"),
        Output("trial-bytes-caption", "children"),
        Output("trial-bytes-table", "children"),
        Output("attacks", "figure"),
        Output("attacks-caption", "children"),
        Output("attacks-table", "children"),
        Input("screen", "data"),
        Input("stamp", "data"),
        State("place", "data"),
    )
    def draw(screen: dict[str, Any] | None, _stamp: str, place: dict[str, Any] | None) -> tuple[Any, ...]:
        if screen is None or place is None or place["number"] is None:
            raise PreventUpdate
        study, number = str(place["study"]), int(place["number"])
        snapshot = source.trial(study, number).details
        training, sizes = training_curve_info(snapshot, number), layer_bytes_info(snapshot, number)
        robustness = robustness_curves_info(snapshot, [number])
        n_columns = 1 if screen.get("is_narrow") else 2
        revision = f"{study} {number}"
        curve, curve_caption = for_page(plot_training_curve(training), screen, revision=revision)
        layers, layers_caption = for_page(plot_layer_bytes(sizes), screen, revision=revision)
        attacks, attacks_caption = for_page(
            plot_attack_curves(robustness, n_columns=n_columns), screen, revision=revision
        )
        return (
            *(curve, curve_caption, _curve_table(training)),
            *(layers, layers_caption, bytes_table(sizes)),
            *(attacks, attacks_caption, _attack_table(robustness)),
        )

    export_dialog.register(app, source)


def outcome(snapshot: StudySnapshot, trial: TrialRecord) -> Component:
    """Return what became of the trial, as facts."""
    state = trial.state.value
    if trial.state is TrialState.COMPLETE:
        on_front = ", on the front" if trial.number in snapshot.front_numbers else ""
        state += on_front or ("" if trial.is_feasible else ", infeasible")
    items: list[tuple[str, Content]] = [("state", state)]
    if trial.number in snapshot.baselines:
        items.append(("role", "baseline: widest bits, " + ("without", "with")[trial.number] + " Jacobian terms"))
    if trial.reason:
        items.append(("reason", trial.reason))
    if trial.measurement is not None:
        names = dict.fromkeys([*(item.name for item in snapshot.objectives), *METRICS])
        items += [
            (metric_title_with_direction(name), format_metric(name, trial.measurement.metric(name))) for name in names
        ]
        if trial.number in fired_checks(snapshot):
            items.append(("masking suspect", "yes: a check fired, see below"))
    constraints = snapshot.spec.constraint_values()
    for constraint, violation in zip(constraints, trial.violations, strict=False):
        items.append((str(constraint), "kept" if violation <= 0 else "broken"))
    ended = (
        "—" if trial.finished_at is None else format_duration((trial.finished_at - trial.started_at).total_seconds())
    )
    items += [("took", ended), ("worker", trial.owner), ("began", f"{trial.started_at:%Y-%m-%d %H:%M} UTC")]
    items += [("seed", f"{trial.seed}")]
    settings = {**trial.candidate.topology, **trial.candidate.training}
    items += [(name.replace("_", " "), f"{value:g}") for name, value in settings.items()]
    return facts(items)


def _neighbours(snapshot: StudySnapshot, number: int, *, prefix: str) -> Component:
    front = snapshot.front_numbers
    before = max((other for other in front if other < number), default=None)
    after = min((other for other in front if other > number), default=None)
    links = [
        dcc.Link(text.format(other), href=trial_path(prefix, snapshot.study.name, other), className="button quiet")
        for text, other in (("← #{} of the front", before), ("#{} of the front →", after))
        if other is not None
    ]
    return html.Nav(links, className="neighbours", **aria(label="Other trials of the front"))


def _curve_table(info: TrainingCurveInfo) -> Component:
    if info.note:
        return note(as_sentence(info.note))
    rows: list[list[Content]] = [
        [
            f"{epoch}",
            *("—" if value is None else f"{value:.4f}" for value in (entropy, jacobian)),
            "—" if seconds is None else format_duration(seconds),
        ]
        for epoch, entropy, jacobian, seconds in zip(
            info.epochs, info.cross_entropy, info.jacobian_term, info.elapsed_s, strict=True
        )
    ]
    return table("Means over each epoch", ["epoch", "cross-entropy", "Jacobian term", "took"], rows)


def _attack_table(info: RobustnessCurvesInfo) -> Component:
    if info.note or not info.curves:
        return note("The trial was not measured.")
    curve = info.curves[0]
    rows: list[list[Content]] = [
        [name, *map(format_accuracy, values)] for name, values in curve.attack_accuracy.items()
    ]
    rows.append(["worst case", *map(format_accuracy, curve.worst_case)])
    number = marked_number(curve.number, is_suspect=curve.is_suspect)
    return table(f"Accuracy of trial {number} at each radius", ["attack", *info.epsilon_labels], rows)
