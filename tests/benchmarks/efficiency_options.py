"""The arms of `tests.benchmarks.search_efficiency`, and what one run is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OURS, WITHOUT, PLAIN = "ours", "ours without early stopping and warm start", "plain Optuna"
NSGA2, RANDOM = "NSGA-II", "random"
ARMS = (PLAIN, OURS, WITHOUT, NSGA2, RANDOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmOptions:
    """What one run was given.

    Attributes:
        study: a preset's name or a TOML file.
        budget_s: seconds of the clock; None with `trials`.
        trials: of plain Optuna, where it decides about the time; None with `budget_s`.
        plain_epochs: of plain Optuna's trainings from random weights; None for those of the study.
        overrides: of the study, for our own arm alone.
        folder: for the database and the artifacts.
        out: file for the run.
    """

    arm: str
    seed: int
    study: str
    data_dir: str | None
    budget_s: float | None
    trials: int | None
    plain_epochs: int | None
    overrides: Mapping[str, Any]
    folder: str
    out: str
