"""What a search had found at which moment, and how two searches compare; pure functions of finished runs."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from spaces.pareto import hypervolume
from tests.benchmarks.efficiency_options import OURS, PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A candidate that was trained to its end.

    Attributes:
        elapsed_s: seconds of the clock since the run's process began.
        own_s: seconds that the process itself has worked, in all its threads.
        losses: the objectives, to be minimized.
        is_feasible: whether its score counts and every constraint is kept.
    """

    elapsed_s: float
    own_s: float
    losses: tuple[float, ...]
    is_feasible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What early stopping would have done to a run, as `search.stopping_replay.StudyReplay` has it."""

    n_trials: int
    n_stopped: int
    times_saved: float
    hypervolume_lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One search with one seed.

    Attributes:
        found: in the order in which they were found.
        elapsed_s, own_s: of the whole run.
        n_begun: trials that were begun, stopped and failed ones included.
        replay: of a run that watched its rungs.
    """

    arm: str
    seed: int
    found: tuple[Found, ...]
    elapsed_s: float
    own_s: float
    n_begun: int
    replay: Replay | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_json` makes an equal run."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Run":
        """Rebuild a run from `to_json`."""
        found = tuple(Found(**{**item, "losses": tuple(item["losses"])}) for item in value["found"])
        replay = None if value["replay"] is None else Replay(**value["replay"])
        return cls(**{**value, "found": found, "replay": replay})


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The hypervolume of a run's feasible candidates over time; it grows in steps.

    Attributes:
        times_s: when it grew, ascending.
        volumes: the hypervolume from then on.
        end_s: when the run ended.
    """

    times_s: tuple[float, ...]
    volumes: tuple[float, ...]
    end_s: float

    @property
    def final(self) -> float:
        """The hypervolume at the end."""
        return self.volumes[-1] if self.volumes else 0.0

    def at(self, time_s: float) -> float:
        """Return the hypervolume at a moment."""
        index = bisect_right(self.times_s, time_s)
        return self.volumes[index - 1] if index else 0.0

    def reached(self, volume: float) -> float:
        """Return when a hypervolume was reached; infinity where it never was."""
        return next((time for time, found in zip(self.times_s, self.volumes, strict=True) if found >= volume), math.inf)


def curve(run: Run, reference: Sequence[float], *, own: bool = False) -> Curve:
    """Return a run's hypervolume over the clock, or over its own work."""
    points: list[tuple[float, ...]] = []
    times: list[float] = []
    volumes = [0.0]
    for item in run.found:
        if not item.is_feasible:
            continue
        points.append(item.losses)
        volume = hypervolume(np.array(points), np.array(reference))
        if volume > volumes[-1]:
            times.append(item.own_s if own else item.elapsed_s)
            volumes.append(volume)
    return Curve(times_s=tuple(times), volumes=tuple(volumes[1:]), end_s=run.own_s if own else run.elapsed_s)


def figures(runs: Sequence[Run], reference: Sequence[float]) -> dict[str, float | None]:
    """Return the medians over all seeds that have both arms: ours against plain Optuna.

    Returns:
        time_over_plain_optuna: our time to plain Optuna's final hypervolume, as a part of the time that its run took;
            infinite where at least half of the runs never reached it.
        hypervolume_gain: ours over plain Optuna's at the end of the shorter run, less one.
        Both also with `_own`, over the processes' own work in place of the clock, for busy machines.
        None where there is no such seed.
    """
    return {
        f"{key}{suffix}": value
        for suffix, own in (("", False), ("_own", True))
        for key, value in _figures(runs, reference, own=own).items()
    }


def _figures(runs: Sequence[Run], reference: Sequence[float], *, own: bool) -> dict[str, float | None]:
    curves = {(run.arm, run.seed): curve(run, reference, own=own) for run in runs}
    ratios, gains = [], []
    for seed in sorted({run.seed for run in runs}):
        ours, plain = curves.get((OURS, seed)), curves.get((PLAIN, seed))
        if ours is None or plain is None:
            continue
        ratios.append(ours.reached(plain.final) / plain.end_s)
        equal_s = min(ours.end_s, plain.end_s)
        gains.append(ours.at(equal_s) / plain.at(equal_s) - 1 if plain.at(equal_s) else math.inf)
    return {
        "time_over_plain_optuna": median(ratios) if ratios else None,
        "hypervolume_gain": median(gains) if gains else None,
    }
