"""Audits of a few attacks, of models in NumPy: fast enough for the command line's own tests."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import search.audit
import search.audit_setup
from search.attacks.audit_effort import Effort
from search.attacks.audit_plan import AuditStep, Surrogates, audit_plan
from search.audit_models import AuditModels
from search.bootstrap import Memory, create_memory
from search.data.dataset import Dataset
from search.references import REFERENCES
from search.references.base import LoadedReference, ReferenceContext
from spaces.audit import AttackOutcome
from storage.reference_models import ReferenceModel
from tests.builders import build_candidate, build_outcome, run_trial
from tests.search.attacks.linear_model import LinearModel
from tests.search.trained_digits import digits_dataset, digits_spec

ATTACKS = ("pgd", "pgd-restarts", "noise")
FAMILY = "linear"
SIZES = (900, 200)  # bytes of the trials; the reference has 1,000


def shorten(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
    """Leave these attacks in every audit's plan."""

    def plan(surrogates: Surrogates, *, input_step: float, effort: Effort) -> tuple[AuditStep, ...]:
        steps = audit_plan(surrogates, input_step=input_step, effort=effort)
        return tuple(step for step in steps if step.attack.name in names)

    monkeypatch.setattr(search.audit, "audit_plan", plan)
    monkeypatch.setattr(search.audit, "require_toolbox", lambda: None)


@dataclass
class Steps:
    """Counts the attacks that are run; stops like Ctrl-C instead of running one where asked to.

    Attributes:
        stop_at: number of the attack that is not run, from 1.
    """

    stop_at: int | None = None
    run: list[str] = field(default_factory=list)

    def __call__(self, step: AuditStep, *arguments: Any, **options: Any) -> AttackOutcome:
        if len(self.run) + 1 == self.stop_at:
            raise KeyboardInterrupt
        self.run.append(f"{step.attack.name} {step.norm}")
        return _RUN_STEP(step, *arguments, **options)


_RUN_STEP = search.audit.run_step


def linear_models(dataset: Dataset, *, strength: float) -> AuditModels:
    """Return a linear classifier by ridge regression; a weaker ridge is right more often and broken sooner."""
    x = dataset.train.inputs().reshape(len(dataset.train), -1) - 0.5
    targets = np.eye(dataset.n_classes)[dataset.train.y] - 1 / dataset.n_classes
    weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ targets)
    model = LinearModel(10 * weights)
    return AuditModels(target=model, surrogates=Surrogates(float_twin=model, sibling=model), saturation=lambda _: {})


def load_linear(context: ReferenceContext) -> tuple[LoadedReference, ...]:
    """A family of two models, as `LoadReferences` says."""
    return tuple(
        LoadedReference(
            model=ReferenceModel(name=name, title=f"a {name} model", size_bytes=size, source={"made": "by hand"}),
            models=lambda strength=strength: linear_models(context.dataset, strength=strength),
            digests={"weights": str(strength)},
        )
        for name, size, strength in ((FAMILY, 1000, 1.0), (f"{FAMILY}-float", 4000, 0.1))
    )


def install(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Put the family into the table, let trials' models be linear too, and count the attacks."""
    shorten(monkeypatch, ATTACKS)
    steps = Steps()
    monkeypatch.setattr(search.audit, "run_step", steps)
    monkeypatch.setitem(REFERENCES, FAMILY, load_linear)
    monkeypatch.setattr(search.audit_setup, "load_stored_model", lambda *_, **__: None)
    monkeypatch.setattr(
        search.audit_setup, "load_models", lambda _, **__: linear_models(digits_dataset(), strength=300.0)
    )
    return steps


def store_study(path: str) -> Memory:
    """Make a database with a study of two trials, both on the front."""
    memory, spec = create_memory(path), digits_spec()
    study = memory.repository.create_study(
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data=digits_dataset().describe(),
        versions={},
    )
    for number, size in enumerate(SIZES):
        outcome = build_outcome(0.8 - 0.1 * number, 0.5, size_bytes=size)
        candidate = build_candidate(jr_weight=float(number))
        run_trial(memory.claims, study.id, number, outcome, candidate=candidate, artifacts={"weights.npz": "0" * 64})
    return memory
