"""Trials side by side, against values worked out by hand."""

from dataclasses import replace

from dashboards.infos import comparison_info, layer_bytes_info, training_curve_info
from storage.records import TrialState
from tests.dashboards.builders import make_candidate, make_measurement, make_snapshot, make_trial

_LAYERS = [
    {"name": "conv", "weight_bytes": 100, "bias_bytes": 20, "scale_bytes": 3},
    {"name": "dense", "weight_bytes": 50, "bias_bytes": 0, "scale_bytes": 1},
]


def _two():
    first = replace(make_trial(3, measurement=make_measurement(clean=0.9, size_bytes=400)), details={"layers": _LAYERS})
    other = make_candidate({"conv": (2, 8, 0.01), "dense": (8, None, 0.0)})
    second = make_trial(5, measurement=make_measurement(clean=0.8, size_bytes=300), candidate=other)
    return make_snapshot([first, second, make_trial(6, state=TrialState.FAILED)], front=[3, 5])


def test_best_value_of_each_metric_is_marked() -> None:
    info = comparison_info(_two(), [5, 3])
    assert info.numbers == (5, 3)
    rows = {row.name: row for row in info.metrics}
    assert rows["clean_accuracy"].best == {3}
    assert rows["size_bytes"].best == {5}
    assert rows["robust_accuracy"].best == frozenset()
    assert info.worst_case == (("0.1", (0.6, 0.6)), ("0.2", (0.4, 0.4)))


def test_layers_that_differ_are_told() -> None:
    rows = {row.name: row for row in comparison_info(_two(), [3, 5]).layers}
    assert (rows["conv"].differs, rows["dense"].differs) == (True, False)
    assert rows["conv"].bytes == (123, None)


def test_unmeasured_trial_is_left_out() -> None:
    info = comparison_info(_two(), [6, 3])
    assert (info.numbers, info.left_out, info.note) == ((3,), (6,), None)
    assert comparison_info(_two(), [6]).note == "none of the chosen trials is measured"
    assert comparison_info(_two(), []).note == "no trial is chosen"


def test_bytes_of_a_trial_by_layer_and_part() -> None:
    info = layer_bytes_info(_two(), 3)
    assert info.layers == ("conv", "dense")
    assert info.parts == ((100, 50), (20, 0), (3, 1))
    assert info.total == 174
    assert layer_bytes_info(_two(), 5).note == "trial 5 recorded no sizes of layers"


def test_training_curve_is_read_epoch_by_epoch() -> None:
    curve = [
        {"epoch": 1, "cross_entropy": 0.9, "jacobian_term": 0.3, "elapsed_s": 2.0},
        {"epoch": 2, "cross_entropy": None, "jacobian_term": 0.2, "elapsed_s": 1.0},
    ]
    info = training_curve_info(make_snapshot([replace(make_trial(0), details={"curve": curve})]), 0)
    assert (info.epochs, info.cross_entropy, info.jacobian_term) == ((1, 2), (0.9, None), (0.3, 0.2))
    assert training_curve_info(_two(), 6).note == "trial 6 recorded no epoch; it is failed"
