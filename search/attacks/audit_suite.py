"""Runs one attack of an audit's plan over all radii and says what became of every example."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from search.attacks.audit_plan import AuditStep, Scope
from search.attacks.base import Attack, Classifier, Inputs, Labels
from search.attacks.minimum_norm import MinimumNormAttack
from search.attacks.nested_balls import Grid, OnProgress, Sweep, ascend, descend
from spaces.audit import AttackOutcome, Distances, Flags, black_box, surviving
from spaces.norms import Norm


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """What is audited.

    Attributes:
        model: the model under attack.
        x: clean inputs.  # [n, ...]
        y: labels.  # [n]
        is_right: whether the clean predictions are right.  # [n]
        epsilons: radii by norm, ascending.
        seed: of all attacks' randomness; each step draws its own stream from it.
    """

    model: Classifier
    x: Inputs
    y: Labels
    is_right: Flags
    epsilons: Mapping[Norm, tuple[float, ...]]
    seed: int


def run_step(
    step: AuditStep,
    target: Target,
    before: Sequence[AttackOutcome],
    *,
    position: int,
    on_progress: OnProgress = lambda _: None,
) -> AttackOutcome:
    """Run one attack; equal arguments give an equal outcome, but for the seconds.

    Args:
        step: the attack and its examples.
        target: what is audited.
        before: outcomes of the steps before, which decide what an attack on survivors is run on.
        position: of the step in the plan, which seeds it.
        on_progress: called now and then.
    """
    started = time.monotonic()
    rng = np.random.default_rng([target.seed, position])
    standing = tried = _standing(step, target, before)
    distances: Distances | None = None
    match step.attack:
        case Attack() as attack:
            sweep = _sweep(attack, step, target, standing, rng, on_progress)
            tried, broken = sweep.tried, sweep.broken
        case MinimumNormAttack() as attack:
            distances = _measure(attack, step.norm, target, standing, rng)
            radii = np.array(target.epsilons[step.norm], np.float32)
            broken = standing & (distances <= radii[:, None])
    return AttackOutcome(
        name=step.attack.name,
        norm=step.norm,
        epsilons=target.epsilons[step.norm],
        n_examples=covered_examples(step, len(target.x)),
        tried=tried,
        broken=broken,
        distances=distances,
        elapsed_s=time.monotonic() - started,
        details=outcome_details(step),
    )


def outcome_details(step: AuditStep) -> dict[str, Any]:
    """Return what an outcome keeps of the step that it came from."""
    return {"scope": step.scope.value, "settings": attack_settings(step.attack)}


def attack_settings(attack: Attack | MinimumNormAttack) -> dict[str, Any]:
    """Return an attack's settings as plain JSON values; a surrogate network is left out."""
    if not is_dataclass(attack):
        return {}
    values: dict[str, Any] = {}
    for item in fields(attack):
        value = getattr(attack, item.name)
        if isinstance(value, Enum):
            values[item.name] = value.name.lower()
        elif isinstance(value, int | float | str):
            values[item.name] = value
        elif isinstance(value, Attack | MinimumNormAttack):
            values[item.name] = attack_settings(value)
    return values


def covered_examples(step: AuditStep, n_examples: int) -> int:
    """Return to how many of an audit's examples the step's accuracy refers."""
    return n_examples if step.examples is None else min(step.examples, n_examples)


def _standing(step: AuditStep, target: Target, before: Sequence[AttackOutcome]) -> Flags:
    """Return what the attack has to break at each radius.  # [n_epsilons, n]"""
    everything: Flags = np.tile(target.is_right, (len(target.epsilons[step.norm]), 1))
    match step.scope:
        case Scope.ALL:
            return everything
        case Scope.SURVIVORS | Scope.BLACK_BOX:
            counted = black_box(before) if step.scope is Scope.BLACK_BOX else before
            is_first = not any(outcome.norm is step.norm for outcome in counted)
            return everything if is_first else surviving(target.is_right, counted, step.norm)
        case Scope.SUBSET:
            # One order for all steps: a smaller subset is a part of a larger one.
            order = np.random.default_rng(target.seed).permutation(len(target.x))
            is_chosen = np.zeros(len(target.x), bool)
            is_chosen[order[: covered_examples(step, len(target.x))]] = True
            chosen: Flags = everything & is_chosen
            return chosen


def _sweep(
    attack: Attack,
    step: AuditStep,
    target: Target,
    standing: Flags,
    rng: np.random.Generator,
    on_progress: OnProgress,
) -> Sweep:
    grid = Grid(
        model=target.model,
        x=target.x,
        y=target.y,
        norm=step.norm.geometry,
        epsilons=target.epsilons[step.norm],
        standing=standing,
        starts=lambda _: target.x,
    )
    go = descend if step.scope in (Scope.SURVIVORS, Scope.BLACK_BOX) else ascend
    return go(attack, grid, rng=rng, on_progress=on_progress)


def _measure(
    attack: MinimumNormAttack, norm: Norm, target: Target, standing: Flags, rng: np.random.Generator
) -> Distances:
    """Return the distances that the attack finds; NaN where it was not run.  # [n]"""
    rows = np.flatnonzero(standing.any(axis=0))
    distances: Distances = np.full(len(target.x), np.nan, np.float32)
    distances[rows] = attack(target.model, target.x[rows], target.y[rows], norm, rng=rng).distances
    return distances
