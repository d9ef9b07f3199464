"""The audit of a stored model on test images: each attack is stored when done, and a later run goes on from there."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from search.attacks.art.toolbox import require_toolbox
from search.attacks.audit_plan import PLAN_VERSION, AuditStep, Scope, audit_plan, l2_radii
from search.attacks.audit_suite import Target, attack_settings, run_step
from search.attacks.base import is_broken
from search.audit_models import load_models
from search.data.dataset import Dataset
from search.data.splits import stratified_indices
from search.models.trained_model import TrainedModel
from search.runtime import seed_everything
from spaces.audit import AttackOutcome, surviving
from spaces.norms import Norm
from spaces.study_spec import StudySpec
from storage.audits import AuditRecord, AuditRepository
from storage.records import StudyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditProgress:
    """Where an audit stands.

    Attributes:
        position, total: of the attack that is being run, counted from 1, and how many there are.
        name, norm: of that attack.
        fraction: of the whole work, estimated, in [0, 1].
        left_s: estimated seconds; None before anything is known.
    """

    position: int
    total: int
    name: str
    norm: Norm
    fraction: float
    left_s: float | None


class AuditListener(Protocol):
    """Follows an audit; every method returns at once."""

    def audit_started(self, record: AuditRecord, total: int) -> None:
        """The audit begins, or goes on with the attacks that the record has."""
        ...

    def audit_progressed(self, progress: AuditProgress) -> None:
        """An attack begins or has come further."""
        ...

    def attack_finished(self, outcome: AttackOutcome, progress: AuditProgress) -> None:
        """An attack is done and stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditParts:
    """What an audit works with; `search.bootstrap` puts it together.

    Attributes:
        study, spec, trial_number: what the model belongs to.
        model: what is audited.
        model_digests: file name -> digest of the stored model.
        dataset: its test split is attacked.
        images: test images, at most; a stratified choice by the study's seed.
        quick: about a tenth of the work.
    """

    study: StudyRecord
    spec: StudySpec
    trial_number: int
    model: TrainedModel
    model_digests: dict[str, str]
    dataset: Dataset
    images: int
    quick: bool
    audits: AuditRepository
    listener: AuditListener


class Auditor:
    """Runs the audit of one model."""

    def __init__(self, parts: AuditParts) -> None:
        """Take over the parts."""
        self._parts = parts
        self._seed = parts.spec.seed
        self._images = min(parts.images, len(parts.dataset.test))

    def run(self) -> AuditRecord:
        """Run the attacks that are not stored yet and return the whole audit.

        An interruption loses the attack that is being run; the next run goes on with it.

        Raises:
            SetupError: ART is not installed.
        """
        require_toolbox()
        seed_everything(self._seed)
        parts = self._parts
        models = load_models(parts.model, input_range=parts.dataset.input_range)
        plan = audit_plan(models.surrogates, input_step=parts.dataset.test.input_scale, quick=parts.quick)
        chosen = stratified_indices(parts.dataset.test.y, self._images, np.random.default_rng(self._seed))
        x, y = parts.dataset.test.inputs(chosen), parts.dataset.test.y[chosen]
        record = self._open(plan, is_right=~is_broken(models.target.logits(x), y))
        epsilons = {Norm(name): tuple(values) for name, values in record.settings["epsilons"].items()}
        target = Target(model=models.target, x=x, y=y, is_right=record.is_right, epsilons=epsilons, seed=self._seed)
        parts.listener.audit_started(record, len(plan))
        self._run_plan(plan, target, record)
        return self._open(plan, is_right=record.is_right)

    def _run_plan(self, plan: Sequence[AuditStep], target: Target, record: AuditRecord) -> None:
        outcomes = {(outcome.name, outcome.norm): outcome for outcome in record.attacks}
        clock = _Clock(plan, target)
        for index, step in enumerate(plan):
            if (step.attack.name, step.norm) in outcomes:
                continue
            # Only what stands before it in the plan, whatever is stored: a step must not depend on the way it went.
            before = [
                outcomes[earlier.attack.name, earlier.norm]
                for earlier in plan[:index]
                if (earlier.attack.name, earlier.norm) in outcomes
            ]
            clock.begin(index, outcomes)
            self._parts.listener.audit_progressed(clock.progress(0.0))
            outcome = run_step(
                step,
                target,
                before,
                position=index,
                on_progress=lambda done: self._parts.listener.audit_progressed(clock.progress(done)),
            )
            self._parts.audits.save_attack(record.id, outcome)
            outcomes[outcome.name, outcome.norm] = outcome
            self._parts.listener.attack_finished(outcome, clock.progress(1.0))

    def _open(self, plan: Sequence[AuditStep], *, is_right: Any) -> AuditRecord:
        settings = self._settings(plan)
        return self._parts.audits.open_audit(
            self._parts.study.id,
            number=self._parts.trial_number,
            key=audit_key(settings),
            settings={**settings, "n_attacks": len(plan)},
            is_right=is_right,
        )

    def _settings(self, plan: Sequence[AuditStep]) -> dict[str, Any]:
        epsilons = self._parts.spec.robustness.epsilons
        n_coordinates = int(np.prod(self._parts.dataset.input_shape))
        return {
            "plan_version": PLAN_VERSION,
            "plan": plan_digest(plan),
            "model": dict(sorted(self._parts.model_digests.items())),
            "data_fingerprint": self._parts.dataset.fingerprint,
            "images": self._images,
            "quick": self._parts.quick,
            "seed": self._seed,
            "epsilons": {Norm.LINF.value: list(epsilons), Norm.L2.value: list(l2_radii(epsilons, n_coordinates))},
        }


class _Clock:
    """Estimates the time left from the work that is done; finished attacks of an earlier run count as no work."""

    def __init__(self, plan: Sequence[AuditStep], target: Target) -> None:
        self._plan = plan
        self._target = target
        self._began = time.monotonic()
        self._done = self._current = self._later = 0.0
        self._index = 0

    def begin(self, index: int, outcomes: dict[tuple[str, Norm], AttackOutcome]) -> None:
        """Go on to a step; what the steps before have left tells how much the later ones have to do."""
        if index and self._current:
            self._done += self._current
        self._index = index
        works = [
            0.0 if (step.attack.name, step.norm) in outcomes else self._work(step, list(outcomes.values()))
            for step in self._plan[index:]
        ]
        self._current, self._later = works[0], sum(works[1:])

    def progress(self, fraction: float) -> AuditProgress:
        """Return where the audit stands after a fraction of the present step."""
        done = self._done + fraction * self._current
        left = (1 - fraction) * self._current + self._later
        spent = time.monotonic() - self._began
        step = self._plan[self._index]
        return AuditProgress(
            position=self._index + 1,
            total=len(self._plan),
            name=step.attack.name,
            norm=step.norm,
            fraction=done / (done + left) if done + left else 1.0,
            left_s=spent / done * left if done else None,
        )

    def _work(self, step: AuditStep, outcomes: Sequence[AttackOutcome]) -> float:
        n_right = int(self._target.is_right.sum())
        if step.examples is not None:
            return step.work * min(step.examples, len(self._target.x)) * n_right / len(self._target.x)
        if step.scope is Scope.SURVIVORS and any(outcome.norm is step.norm for outcome in outcomes):
            n_right = int(surviving(self._target.is_right, outcomes, step.norm)[0].sum())
        return step.work * n_right


def plan_digest(plan: Sequence[AuditStep]) -> str:
    """Return a digest of every attack with its norm, examples and settings: other settings are another audit."""
    described = [
        [step.attack.name, step.norm.value, step.scope.value, step.examples, attack_settings(step.attack)]
        for step in plan
    ]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def audit_key(settings: dict[str, Any]) -> str:
    """Return the digest by which an audit is known again: model, data, images, radii, seed and plan."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
