"""Whether a training goes on past a rung, decided from the measurements of all trials that have reached it.

Pure functions of values: no clock, database or network.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.errors import SearchError
from spaces.measurement import Measurement
from spaces.objectives import ARITHMETIC_METRICS, Constraint, Objective, reference_losses
from spaces.pareto import Losses, contribution_order, epsilon_net_order, non_dominated_ranks
from spaces.rungs import RungOrder
from spaces.search_space import BASELINE_NUMBERS
from spaces.study_spec import StudySpec

RULE_VERSION = 2  # of the order below; a stored decision is replayed by the version that made it

_WITHHELD_VIOLATION = 1.0
_COLUMNS = ("number", "rank")  # of a stored standing

_ORDERS: dict[RungOrder, Callable[[Losses, NDArray[np.float64]], NDArray[np.int64]]] = {
    "hypervolume": contribution_order,
    "epsilon_net": epsilon_net_order,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RungRule:
    """What decides at a rung.

    Attributes:
        objectives: what is judged; an epsilon-net or volume is taken in all of them.
        constraints: limits, applied to the measurement at the rung.
        eta: the best 1/eta of those that reached the rung go on.
        order: what decides between points that do not dominate each other.
        exempt: trials that always go on, though others are compared with them: the baselines.
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    eta: int
    order: RungOrder
    exempt: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.eta < 2:
            raise SearchError(f"eta must be an integer >= 2, of which the best 1/eta go on; got {self.eta}.")
        if self.order not in _ORDERS:
            raise SearchError(f"the order at a rung must be one of {', '.join(_ORDERS)}; got {self.order!r}.")

    @classmethod
    def of(cls, spec: StudySpec) -> "RungRule":
        """Return a study's rule; its baselines are exempt, because the front is compared with them."""
        return cls(
            objectives=spec.objective_values(),
            constraints=spec.constraint_values(),
            eta=spec.early_stopping.eta,
            order=spec.early_stopping.order,
            exempt=BASELINE_NUMBERS,
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that a point needs."""
        names = [objective.name for objective in self.objectives] + [item.name for item in self.constraints]
        return tuple(dict.fromkeys(names))

    def n_places(self, n_reached: int) -> int:
        """Return how many go on: the best 1/eta rounded up; all while fewer than eta trials reached the rung."""
        return n_reached if n_reached < self.eta else math.ceil(n_reached / self.eta)

    def violation(self, point: "RungPoint") -> float:
        """Return the sum of the broken constraints, as parts of their bounds so that bytes and accuracies add up."""
        parts = [
            max(0.0, constraint.violation(point.values[constraint.name])) / (abs(constraint.bound) or 1.0)
            for constraint in self.constraints
        ]
        return math.fsum([*parts, _WITHHELD_VIOLATION * point.is_withheld])

    def losses(self, points: Sequence["RungPoint"]) -> Losses:
        """Return the points as points to be minimized: [n_points, n_objectives]."""
        rows = [[item.loss(point.values[item.name]) for item in self.objectives] for point in points]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.objectives))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_json` makes an equal rule."""
        return {
            "objectives": [{"name": item.name, "reference": item.reference} for item in self.objectives],
            "constraints": [str(item) for item in self.constraints],
            "eta": self.eta,
            "order": self.order,
            "exempt": list(self.exempt),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RungRule":
        """Rebuild a rule from `to_json`."""
        return cls(
            objectives=tuple(Objective(**item) for item in value["objectives"]),
            constraints=tuple(Constraint.parse(text) for text in value["constraints"]),
            eta=value["eta"],
            order=value["order"],
            exempt=tuple(value["exempt"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RungPoint:
    """A trial as it was measured at a rung.

    Attributes:
        number: the trial's.
        values: metric -> value, for the metrics of the rule.
        is_withheld: whether a precondition of the attacks failed, so that the point counts as infeasible.
    """

    number: int
    values: Mapping[str, float]
    is_withheld: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        if not all(math.isfinite(value) for value in self.values.values()):
            raise SearchError(f"trial {self.number}: every value at a rung must be finite; got {dict(self.values)}.")

    @classmethod
    def of(cls, number: int, measurement: Measurement, rule: RungRule) -> "RungPoint":
        """Return a measurement as a point."""
        return cls(
            number=number,
            values={name: measurement.metric(name) for name in rule.metrics},
            is_withheld=measurement.withheld_reason is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A point with what its place came from.

    Attributes:
        violation: sum of the broken constraints, each as a part of its bound; 0 is feasible.
        rank: number of the group of equally good points that the point is in, 0 the best; within the group through
            which the cut goes the rule's order decides, in the others the older trial comes first.
    """

    point: RungPoint
    violation: float
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a trial goes on, with everything that this rests on.

    Attributes:
        number: the trial's that is decided on.
        rule: what decided.
        standings: all trials that had reached the rung, this one included, best first.
    """

    number: int
    rule: RungRule
    standings: tuple[Standing, ...]

    @property
    def place(self) -> int:
        """The trial's place, from 1."""
        return 1 + [standing.point.number for standing in self.standings].index(self.number)

    @property
    def n_places(self) -> int:
        """How many places go on, as `RungRule.n_places` says."""
        return self.rule.n_places(len(self.standings))

    @property
    def goes_on(self) -> bool:
        """Whether the training goes on."""
        return self.number in self.rule.exempt or self.place <= self.n_places

    @property
    def reason(self) -> str:
        """One line for a person."""
        where = f"place {self.place} of {len(self.standings)} that reached the rung"
        if self.number in self.rule.exempt:
            return f"{where}; a baseline always goes on"
        if len(self.standings) < self.rule.eta:
            return f"{where}; all go on while there are fewer than {self.rule.eta}"
        return f"{where}; the best {self.n_places} go on"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_json` makes an equal decision; the outcome is written out too.

        Of a standing it holds the trial and its rank: a study stores as many standings as the square of its trials,
        and what a trial measured at a rung is stored once, beside its own decision, and never changes.
        """
        return {
            "version": RULE_VERSION,
            "number": self.number,
            "goes_on": self.goes_on,
            "place": self.place,
            "n_places": self.n_places,
            "reason": self.reason,
            "rule": self.rule.to_json(),
            "columns": list(_COLUMNS),
            "standings": [[standing.point.number, standing.rank] for standing in self.standings],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], measured: Mapping[int, Measurement]) -> "Decision":
        """Rebuild a decision from `to_json` and what the trials measured at its rung, by number.

        Raises:
            SearchError: another version of the rule made it.
            KeyError: a trial that it was compared with has no measurement.
        """
        if value["version"] != RULE_VERSION:
            raise SearchError(
                f"the decision about trial {value['number']} was made by version {value['version']} of the rule; "
                f"this is version {RULE_VERSION}. Replay it with the version of the service that made it."
            )
        rule = RungRule.from_json(value["rule"])
        points = [RungPoint.of(number, measured[number], rule) for number, _ in value["standings"]]
        standings = [
            Standing(point=point, violation=rule.violation(point), rank=rank)
            for point, (_, rank) in zip(points, value["standings"], strict=True)
        ]
        return cls(number=value["number"], rule=rule, standings=tuple(standings))


def decide(point: RungPoint, reached: Sequence[RungPoint], *, rule: RungRule) -> Decision:
    """Decide whether a trial goes on: whether its place is among the best ceil(n / eta) of the n that reached the rung.

    Nobody waits for anybody (Li et al. 2020, ASHA): the trial is compared with those that have come so far, and what
    was decided about them stays. The order, best first:

    1. Total violation of the constraints: the feasible ones, then the less infeasible ones.
    2. Non-dominated rank in objectives of which the arithmetic ones (size, operations, memory) are *charged*. They are
       known before any training, and the smallest network is never dominated however bad it is: a
       "dominance-resistant solution" (Ikeda, Kita and Kobayashi 2001). As there, the cure is to bound the trade: a
       byte saved counts only as far as the network that is left is worth something,

           charged gain of f_i = max(0, r_i - f_i) * mean over learned objectives j of max(0, r_j - f_j)

       with the reference point r; learned are the accuracies, which share a unit. A tiny network at the level of a
       guess has a charged gain near zero and ranks behind everything that learned; one at half the size and nine
       tenths of the accuracy has a larger charged gain than the big one and stands beside it. An accuracy alone still
       suffices, at any size. Dropping the arithmetic objectives from the rank instead would stop every small
       network, since a larger one is nearly always a little more accurate; an epsilon box needs a width for every
       metric.
    3. Non-dominated rank in the plain objectives, for points that tie in 2.: a dominated point never comes first.
    4. Among those that are left equal, where the last place that goes on is one of theirs,
       `spaces.pareto.contribution_order` or `epsilon_net_order`; elsewhere their order decides nothing.
    5. The older trial.

    Args:
        point: the trial at the rung.
        reached: the other trials that have been measured there, stopped ones too; in any order. The trial's own earlier
            point, if there is one, is replaced.
        rule: what decides.

    Raises:
        SearchError: a trial is given twice, or a point lacks a metric of the rule.
    """
    points = [other for other in reached if other.number != point.number] + [point]
    points.sort(key=lambda item: item.number)
    if len({item.number for item in points}) < len(points):
        raise SearchError(f"every trial has one point at a rung; got trials {[item.number for item in points]}.")
    for item in points:
        missing = [name for name in rule.metrics if name not in item.values]
        if missing:
            raise SearchError(
                f"trial {item.number} lacks {', '.join(missing)} at the rung; give every metric of the rule: "
                f"{', '.join(rule.metrics)}."
            )
    # Without metrics that play no part: a decision equals the one that is read back from its JSON.
    points = [replace(item, values={name: item.values[name] for name in rule.metrics}) for item in points]
    return Decision(number=point.number, rule=rule, standings=_standings(points, rule))


def replay(decision: Decision) -> Decision:
    """Decide again from what a decision was based on; the same decision comes out, whatever has happened since."""
    points = {standing.point.number: standing.point for standing in decision.standings}
    return decide(points.pop(decision.number), list(points.values()), rule=decision.rule)


def _standings(points: Sequence[RungPoint], rule: RungRule) -> tuple[Standing, ...]:
    """Return all points, best first."""
    reference = reference_losses(rule.objectives)
    losses = rule.losses(points)
    violations = np.array([rule.violation(point) for point in points])
    ranks = np.stack([violations, np.zeros(len(points)), np.zeros(len(points))], axis=1)
    for violation in np.unique(violations):
        equal = violations == violation
        ranks[equal, 1] = non_dominated_ranks(_charged(losses[equal], reference, rule.objectives))
        ranks[equal, 2] = non_dominated_ranks(losses[equal])
    n_places = rule.n_places(len(points))
    standings: list[Standing] = []
    for rank, key in enumerate(np.unique(ranks, axis=0)):  # in lexicographic order
        members = np.flatnonzero(np.all(ranks == key, axis=1))
        if 0 < n_places - len(standings) < len(members):
            members = members[_ORDERS[rule.order](losses[members], reference)]
        standings += [Standing(point=points[i], violation=float(violations[i]), rank=rank) for i in members.tolist()]
    return tuple(standings)


def _charged(losses: Losses, reference: NDArray[np.float64], objectives: Sequence[Objective]) -> Losses:
    """Return losses with the arithmetic objectives charged; see `decide`."""
    is_arithmetic = np.array([objective.name in ARITHMETIC_METRICS for objective in objectives])
    if is_arithmetic.all():
        return losses
    gains = np.maximum(0.0, reference - losses)
    worth = gains[:, ~is_arithmetic].mean(axis=1, keepdims=True)
    return np.where(is_arithmetic, -gains * worth, losses)
