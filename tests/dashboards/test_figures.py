"""Figures draw every info, also those with little or nothing in them."""

from collections.abc import Callable

import plotly.graph_objects as go
import pytest

import dashboards
from dashboards import (
    plot_attack_curves,
    plot_audit_curves,
    plot_front,
    plot_hypervolume,
    plot_importance,
    plot_layer_choices,
    plot_pareto_front_3d,
    plot_pareto_projections,
    plot_robustness_curves,
    plot_rung_decisions,
    plot_timeline,
)
from dashboards.infos import (
    audit_curves_info,
    hypervolume_info,
    layer_choices_info,
    pareto_front_info,
    robustness_curves_info,
)
from dashboards.snapshot import StudySnapshot
from tests.dashboards.builders import (
    FOUR,
    edge_cases,
    make_candidate,
    make_snapshot,
    make_study,
    make_trial,
    realistic_snapshot,
)

FIGURES: dict[str, Callable[[StudySnapshot], go.Figure]] = {
    "pareto 3d": lambda snapshot: plot_pareto_front_3d(pareto_front_info(snapshot)),
    "pareto projections": lambda snapshot: plot_pareto_projections(pareto_front_info(snapshot)),
    "layer choices": lambda snapshot: plot_layer_choices(layer_choices_info(snapshot)),
    "hypervolume": lambda snapshot: plot_hypervolume(hypervolume_info(snapshot)),
    "robustness": lambda snapshot: plot_robustness_curves(robustness_curves_info(snapshot)),
    "audits": lambda snapshot: plot_audit_curves(audit_curves_info(snapshot)),
    "attacks": lambda snapshot: plot_attack_curves(robustness_curves_info(snapshot)),
    "front": plot_front,
    "importance": plot_importance,
    "timeline": plot_timeline,
    "rungs": lambda snapshot: plot_rung_decisions(snapshot, []),
}


def _markers(figure: go.Figure) -> dict[str, tuple[str, str]]:
    return {trace.name: (trace.marker.symbol, trace.marker.color) for trace in figure.data}


@pytest.mark.parametrize("case", edge_cases())
@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_drawn_or_says_why_not(name: str, case: str) -> None:
    figure = FIGURES[name](edge_cases()[case])
    assert figure.to_json()
    notes = [annotation.text for annotation in figure.layout.annotations]
    assert figure.data or (len(notes) == 1 and notes[0].endswith("."))


@pytest.mark.parametrize("name", FIGURES)
def test_synthetic_study_is_marked_in_every_figure(name: str) -> None:
    assert "synthetic data" in FIGURES[name](realistic_snapshot(is_synthetic=True)).layout.title.subtitle.text
    assert "synthetic" not in (FIGURES[name](realistic_snapshot()).layout.title.subtitle.text or "")


def test_baselines_differ_by_shape_and_colour_and_infeasible_is_hollow() -> None:
    trials = [
        make_trial(0, violated=(1.0,)),
        make_trial(1),
        make_trial(2),
        make_trial(3),
        make_trial(4, violated=(1.0,)),
    ]
    info = pareto_front_info(make_snapshot(trials, front=[1, 2]))
    for figure in (plot_pareto_front_3d(info), plot_pareto_projections(info, n_columns=1)):
        markers = _markers(figure)
        assert set(markers) == {
            "infeasible",
            "dominated",
            "front",
            "baseline: trial 0, infeasible",
            "baseline: trial 1, on the front",
        }
        assert markers["infeasible"][0] == "circle-open"
        assert markers["baseline: trial 0, infeasible"][0] == "square-open"
        assert markers["baseline: trial 1, on the front"][0] == "diamond"
        assert len({color for _, color in markers.values()}) == 4


@pytest.mark.parametrize(("case", "n_panels"), [("two objectives", 1), ("one trial", 3), ("four objectives", 6)])
def test_every_pair_of_objectives_has_a_panel(case: str, n_panels: int) -> None:
    figure = FIGURES["pareto projections"](edge_cases()[case])
    assert len({trace.xaxis for trace in figure.data}) == n_panels


def test_size_is_drawn_to_the_right() -> None:
    figure = FIGURES["pareto projections"](edge_cases()["one trial"])
    titles = [figure.layout[axis].title.text for axis in ("xaxis", "xaxis2", "xaxis3")]
    assert [title.split("\N{NO-BREAK SPACE}")[0] for title in titles] == ["clean accuracy", "size", "size"]


def test_fourth_objective_is_named_beside_the_spatial_view() -> None:
    figure = FIGURES["pareto 3d"](make_snapshot([make_trial(0)], study=make_study(objectives=FOUR)))
    assert figure.layout.title.subtitle.text == "not drawn, but in the hover box: MACs"


def test_jacobian_weights_are_drawn_by_logarithm_and_zeros_apart() -> None:
    candidate = make_candidate({"a": (4, 8, 0.0), "b": (4, 8, 0.001), "c": (4, None, 0.1)})
    info = layer_choices_info(make_snapshot([make_trial(0, candidate=candidate)], front=[0]))
    weights, activations, zeros, positive = plot_layer_choices(info).data
    assert [value for (value,) in weights.z] == [4, 4, 4]
    assert [value for (value,) in activations.z] == [8, 8, None]
    assert [value for (value,) in zeros.z] == [0, None, None]
    assert [value for (value,) in positive.z] == [None, pytest.approx(-3), pytest.approx(-1)]
    assert [text for (text,) in positive.text] == ["", "1e-3", "0.1"]


def test_without_jacobian_terms_only_zeros_are_drawn() -> None:
    candidate = make_candidate({"a": (4, 8, 0.0)})
    info = layer_choices_info(make_snapshot([make_trial(0, candidate=candidate)], front=[0]))
    assert len(plot_layer_choices(info).data) == 3


def test_baselines_alone_are_a_dashed_line() -> None:
    (line,) = FIGURES["hypervolume"](edge_cases()["one trial"]).layout.shapes
    # Trial 0 alone: 0.9 clean, 0.5 robust, 500 of 1000 bytes saved.
    assert line.y0 == line.y1 == pytest.approx(225)
    assert line.line.dash == "dash"


def test_band_surrounds_each_curve() -> None:
    band, line = FIGURES["robustness"](edge_cases()["one trial"]).data
    assert band.x == (0.0, 0.1, 0.2, 0.2, 0.1, 0.0)
    assert all(low < value < high for value, high, low in zip(line.y, band.y, reversed(band.y), strict=False))


def test_names_of_a_study_are_text_not_tags() -> None:
    candidate = make_candidate({"<b>layer</b>": (4, 8, 0.01)})
    study = make_study(name="<a href='x'>study</a>")
    snapshot = make_snapshot([make_trial(0, candidate=candidate)], front=[0], study=study)
    for draw in FIGURES.values():
        figure = draw(snapshot)
        assert figure.layout.title.text.count("<") == 0
    (hover,) = FIGURES["pareto 3d"](snapshot).data[0].hovertext
    assert "&lt;b&gt;layer" in hover


def test_unknown_name_of_the_package_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="write_report"):
        _ = dashboards.plot_nothing
