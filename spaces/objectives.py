"""What is judged: metrics with their direction, objectives with a reference value, constraints."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from spaces.errors import SpecError
from spaces.measurement import Measurement


class Direction(StrEnum):
    """Which way a metric gets better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


METRICS: dict[str, Direction] = {
    "clean_accuracy": Direction.MAXIMIZE,
    "robust_accuracy": Direction.MAXIMIZE,
    "size_bytes": Direction.MINIMIZE,
    "ram_bytes": Direction.MINIMIZE,
    "macs": Direction.MINIMIZE,
    "bops": Direction.MINIMIZE,
}

# Metrics that follow from the candidate alone, by arithmetic, before any training.
ARITHMETIC_METRICS = ("size_bytes", "ram_bytes", "macs", "bops")

_CONSTRAINT = re.compile(r"\s*(\w+)\s*(<=|>=)\s*([0-9.eE+-]+)\s*")


def _check_metric(name: str) -> None:
    if name not in METRICS:
        raise SpecError(f"unknown metric {name!r}; known: {', '.join(METRICS)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One axis of the objective space.

    Attributes:
        name: a metric of `METRICS`.
        reference: the value that is worth nothing; the hypervolume counts what is better than it.
    """

    name: str
    reference: float

    def __post_init__(self) -> None:
        _check_metric(self.name)

    @property
    def direction(self) -> Direction:
        """The metric's direction."""
        return METRICS[self.name]

    def loss(self, value: float) -> float:
        """Turn a metric's value into one that is to be minimized."""
        return -value if self.direction is Direction.MAXIMIZE else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A limit on a metric: feasible when `violation` <= 0.

    Attributes:
        name: a metric of `METRICS`.
        bound: the limit.
        is_upper: True for `<=`, False for `>=`.
    """

    name: str
    bound: float
    is_upper: bool

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """Read `metric <= number` or `metric >= number`.

        Raises:
            SpecError: the text has another form or names an unknown metric.
        """
        match = _CONSTRAINT.fullmatch(text)
        if match is None:
            raise SpecError(f"a constraint reads 'metric <= number' or 'metric >= number'; got {text!r}.")
        name, operator, bound = match.groups()
        _check_metric(name)
        try:
            limit = float(bound)
        except ValueError:
            limit = math.inf
        if not math.isfinite(limit):
            raise SpecError(f"the bound of a constraint is a finite number; got {bound!r} in {text!r}.")
        return cls(name=name, bound=limit, is_upper=operator == "<=")

    def violation(self, value: float) -> float:
        """Return by how much `value` breaks the limit, in the metric's own unit; <= 0 is feasible."""
        return value - self.bound if self.is_upper else self.bound - value

    def __str__(self) -> str:
        # Six digits read best, but a bound such as 1234567 needs them all: `parse` must give the same limit back.
        short = f"{self.bound:g}"
        bound = short if float(short) == self.bound else repr(self.bound)
        return f"{self.name} {'<=' if self.is_upper else '>='} {bound}"


def losses(measurement: Measurement, objectives: tuple[Objective, ...]) -> NDArray[np.float64]:
    """Return the measurement as a point to be minimized: [n_objectives]."""
    return np.array([objective.loss(measurement.metric(objective.name)) for objective in objectives])


def reference_losses(objectives: tuple[Objective, ...]) -> NDArray[np.float64]:
    """Return the hypervolume's reference point in the minimized space: [n_objectives]."""
    return np.array([objective.loss(objective.reference) for objective in objectives])


def violations(measurement: Measurement, constraints: tuple[Constraint, ...]) -> tuple[float, ...]:
    """Return every constraint's violation, in the order of the constraints."""
    return tuple(constraint.violation(measurement.metric(constraint.name)) for constraint in constraints)
