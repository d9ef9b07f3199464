"""How names and numbers are written."""

import pytest

from dashboards.labels import (
    are_image_steps,
    as_plot_text,
    epsilon_labels,
    format_jr_weight,
    format_metric,
    layer_lines,
    metric_title_with_direction,
    norm_title,
    radius_labels,
)
from spaces.norms import Norm
from tests.dashboards.builders import make_candidate


def test_image_grid_is_written_in_steps() -> None:
    grid = (0.0, 0.5 / 255, 1 / 255, 8 / 255, 16 / 255)
    assert epsilon_labels(grid) == ("0", "0.5/255", "1/255", "8/255", "16/255")


@pytest.mark.parametrize("grid", [(0.02, 0.05), (1 / 255, 0.3 / 255), (17 / 255,), (1 / 255, 0.5)])
def test_other_grid_stays_decimal(grid: tuple[float, ...]) -> None:
    assert not are_image_steps(grid)
    assert epsilon_labels(grid) == tuple(f"{epsilon:g}" for epsilon in grid)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1e-4, "1e-4"), (3e-4, "3e-4"), (0.0031, "3.1e-3"), (0.01, "0.01"), (0.1, "0.1"), (2.5, "2.5")],
)
def test_jacobian_weight_is_short(value: float, text: str) -> None:
    assert format_jr_weight(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("clean_accuracy", 0.8766, "87.7%"), ("size_bytes", 12345.0, "12,345 B"), ("macs", 1000.0, "1,000")],
)
def test_metric_has_its_unit(name: str, value: float, text: str) -> None:
    assert format_metric(name, value) == text


def test_arrow_points_to_the_better_side() -> None:
    assert metric_title_with_direction("clean_accuracy") == "clean accuracy\N{NO-BREAK SPACE}↑"
    assert metric_title_with_direction("size_bytes") == "size\N{NO-BREAK SPACE}↓"


def test_layer_line_names_bits_and_jacobian_weight() -> None:
    assert layer_lines(make_candidate()) == ("conv: W4 A8 JR 0.01", "dense: W8 JR 0")


def test_plot_text_holds_no_tag() -> None:
    assert as_plot_text('<a href="x">&') == '&lt;a href="x"&gt;&amp;'


def test_radii_on_recordings_are_steps_and_decibels():
    assert radius_labels(Norm.WAVEFORM, (4.0, 256.0)) == ("4 steps", "256 steps")
    assert radius_labels(Norm.SNR, (0.01, 0.1)) == ("40 dB", "20 dB")
    assert all(norm_title(norm) for norm in Norm)
