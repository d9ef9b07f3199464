import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import SpecError
from spaces.objectives import (
    ARITHMETIC_METRICS,
    METRICS,
    Constraint,
    Direction,
    Objective,
    losses,
    reference_losses,
    violations,
)
from tests.spaces.builders import make_measurement

OBJECTIVES = (
    Objective(name="clean_accuracy", reference=0.1),
    Objective(name="size_bytes", reference=8000),
)


def test_accuracy_is_maximized_and_size_minimized():
    assert [objective.direction for objective in OBJECTIVES] == [Direction.MAXIMIZE, Direction.MINIMIZE]


def test_losses_turn_what_is_maximized_around():
    assert losses(make_measurement(), OBJECTIVES).tolist() == [-0.9, 5000.0]


def test_reference_is_turned_around_like_the_values():
    assert reference_losses(OBJECTIVES).tolist() == [-0.1, 8000.0]


def test_every_metric_can_be_read_from_a_measurement():
    assert all(isinstance(make_measurement().metric(name), float) for name in METRICS)


def test_arithmetic_metrics_are_the_minimized_ones():
    assert set(ARITHMETIC_METRICS) == {name for name in METRICS if METRICS[name] is Direction.MINIMIZE}


def test_unknown_metric_lists_the_known_ones():
    with pytest.raises(SpecError, match=r"unknown metric 'latency'; known: clean_accuracy, robust_accuracy"):
        Objective(name="latency", reference=1.0)


@pytest.mark.parametrize(
    ("text", "name", "bound", "is_upper"),
    [
        ("size_bytes <= 60000", "size_bytes", 60000.0, True),
        ("clean_accuracy >= 0.5", "clean_accuracy", 0.5, False),
        ("  macs<=1e6 ", "macs", 1e6, True),
        ("bops >= -3", "bops", -3.0, False),
    ],
)
def test_constraint_is_read(text, name, bound, is_upper):
    assert Constraint.parse(text) == Constraint(name=name, bound=bound, is_upper=is_upper)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("size_bytes < 60000", "reads 'metric <= number'"),
        ("size_bytes <= 60 kB", "reads 'metric <= number'"),
        ("60000 >= size_bytes", "reads 'metric <= number'"),
        ("0.1 <= clean_accuracy <= 0.5", "reads 'metric <= number'"),
        ("", "reads 'metric <= number'"),
        ("latency_ms <= 5", "unknown metric 'latency_ms'"),
        ("size_bytes <= 1.2.3", "finite number; got '1.2.3'"),
        ("size_bytes <= 1e999", "finite number; got '1e999'"),
    ],
)
def test_malformed_constraint_is_refused(text, problem):
    with pytest.raises(SpecError, match=problem):
        Constraint.parse(text)


def test_violation_is_positive_by_as_much_as_the_limit_is_broken():
    constraints = (Constraint.parse("size_bytes <= 4000"), Constraint.parse("clean_accuracy >= 0.4"))
    assert violations(make_measurement(), constraints) == (1000.0, -0.5)


def test_value_on_the_limit_is_feasible():
    assert violations(make_measurement(), (Constraint.parse("size_bytes <= 5000"),)) == (0.0,)


@pytest.mark.parametrize("text", ["size_bytes <= 1234567", "clean_accuracy >= 0.1234567", "macs <= 1e+06"])
def test_text_of_a_constraint_keeps_every_digit(text):
    assert Constraint.parse(str(Constraint.parse(text))) == Constraint.parse(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_text_of_a_constraint_reads_back(bound):
    constraint = Constraint(name="macs", bound=bound, is_upper=True)
    assert Constraint.parse(str(constraint)) == constraint
