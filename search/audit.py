"""The audit of a stored model on test examples: each attack is stored when done, and a later run goes on from there."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from search.attacks.art.toolbox import require_toolbox
from search.attacks.audit_checks import CHECKS_VERSION, Audited, audit_checks, checks_work
from search.attacks.audit_clock import AuditClock, AuditProgress
from search.attacks.audit_effort import FULL, QUICK
from search.attacks.audit_plan import PLAN_VERSION, AuditStep, audit_plan, l2_radii
from search.attacks.audit_suite import Target, attack_settings, run_step
from search.attacks.base import Classifier, is_broken
from search.attacks.waveform_plan import waveform_plan, waveform_radii
from search.audit_beginning import longest_beginning
from search.audit_models import AuditModels
from search.audit_sound import waveform_targets
from search.data.dataset import Dataset, Split
from search.data.splits import stratified_indices
from search.runtime import seed_everything
from spaces.audit import AttackOutcome, CleanCount, Flags
from spaces.check_result import CheckResult
from spaces.norms import INPUT_NORMS, Norm
from spaces.study_spec import StudySpec
from storage.audit_comparison import AuditedModel

_SATURATION_EXAMPLES = 256
_COUNTED_AT_ONCE = 1000


class StoredAudit(AuditedModel, Protocol):
    """An audit as stored so far: of a trial's model, or of a reference model."""

    @property
    def id(self) -> int:
        """By which its attacks are stored."""
        ...

    @property
    def whole_test(self) -> CleanCount | None:
        """Clean predictions on the whole test split; None until they are counted."""
        ...

    @property
    def checks(self) -> tuple[CheckResult, ...] | None:
        """The checks; None until all attacks are done."""
        ...


StoredT = TypeVar("StoredT", bound=StoredAudit, covariant=True)


class AuditStore(Protocol[StoredT]):
    """Where the audit of one model is kept."""

    def open(self, *, key: str, settings: Mapping[str, Any], is_right: Flags) -> StoredT:
        """Return the audit of that key with the attacks it has, stored now if it is new."""
        ...

    def begun(self) -> Sequence[StoredT]:
        """Return all audits of the model, finished or not, oldest first."""
        ...

    def save_attack(self, audit_id: int, outcome: AttackOutcome) -> None:
        """Store a finished attack; one that is stored already stays."""
        ...

    def save_whole_test(self, audit_id: int, count: CleanCount) -> None:
        """Store how many of the whole test split are classified right; what is stored already stays."""
        ...

    def save_checks(self, audit_id: int, checks: Sequence[CheckResult]) -> None:
        """Store the checks; those that are stored already stay."""
        ...


class AuditListener(Protocol):
    """Follows an audit; every method returns at once."""

    def audit_started(self, record: StoredAudit, total: int) -> None:
        """The audit begins, or goes on with the attacks that the record has; `total` counts the checks as one step."""
        ...

    def audit_progressed(self, progress: AuditProgress) -> None:
        """An attack begins or has come further."""
        ...

    def attack_finished(self, outcome: AttackOutcome, progress: AuditProgress) -> None:
        """An attack is done and stored."""
        ...

    def checks_finished(self, checks: Sequence[CheckResult], progress: AuditProgress) -> None:
        """The checks, which come last, are done and stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditParts(Generic[StoredT]):
    """What an audit works with; `search.audit_setup` and `search.reference_setup` put it together.

    Attributes:
        spec: of the study, which names radii and seed.
        models: loads what is audited and what stands in for it.
        model_digests: file name -> digest of the audited model.
        search_steps: of PGD in the suite that the search measured it with, which is held against the audit; None where
            no search did.
        dataset: its test split is attacked.
        images: test examples, at most; a stratified choice by the study's seed.
        quick: about a tenth of the work.
        store: where the audit is kept.
    """

    spec: StudySpec
    models: Callable[[], AuditModels]
    model_digests: Mapping[str, str]
    search_steps: int | None
    dataset: Dataset
    images: int
    quick: bool
    store: AuditStore[StoredT]
    listener: AuditListener


class Auditor(Generic[StoredT]):
    """Runs the audit of one model."""

    def __init__(self, parts: AuditParts[StoredT]) -> None:
        """Take over the parts."""
        self._parts = parts
        self._seed = parts.spec.seed
        self._effort = QUICK if parts.quick else FULL
        self._images = min(parts.images, len(parts.dataset.test))

    def run(self) -> StoredT:
        """Run the attacks, then the checks, that are not stored yet and return the whole audit.

        An interruption loses the step that is being run; the next run goes on with it.

        Raises:
            SetupError: ART is not installed.
        """
        require_toolbox()
        seed_everything(self._seed)
        parts = self._parts
        models = parts.models()
        sound = parts.dataset.sound
        plan = audit_plan(models.surrogates, input_step=parts.dataset.test.input_scale, effort=self._effort)
        plan += () if sound is None else waveform_plan(self._effort)
        chosen = stratified_indices(parts.dataset.test.y, self._images, np.random.default_rng(self._seed))
        x, y = parts.dataset.test.inputs(chosen), parts.dataset.test.y[chosen]
        is_right = ~is_broken(models.target.logits(x), y)
        record = self._open(plan, is_right)
        if not record.attacks:
            for outcome in longest_beginning(plan, record, parts.store.begun()):
                parts.store.save_attack(record.id, outcome)
        if record.whole_test is None:
            parts.store.save_whole_test(record.id, count_clean(models.target, parts.dataset.test))
        record = self._open(plan, is_right)
        epsilons = {Norm(name): tuple(values) for name, values in record.settings["epsilons"].items()}
        target = Target(model=models.target, x=x, y=y, is_right=record.is_right, epsilons=epsilons, seed=self._seed)
        targets = dict.fromkeys(INPUT_NORMS, target)
        targets |= {} if sound is None else waveform_targets(target, parts.dataset, sound, chosen)
        parts.listener.audit_started(record, len(plan) + 1)
        clock = AuditClock(plan, target, checks_work=checks_work(self._effort))
        outcomes = self._run_plan(plan, targets, record, clock)
        if record.checks is None:
            clock.begin(len(plan), {(outcome.name, outcome.norm): outcome for outcome in outcomes})
            audited = Audited(
                target=target,
                outcomes=outcomes,
                effort=self._effort,
                saturation=models.saturation(x[:_SATURATION_EXAMPLES]),
                search_steps=parts.search_steps,
            )
            checks = audit_checks(audited, on_progress=self._teller(clock))
            parts.store.save_checks(record.id, checks)
            parts.listener.checks_finished(checks, clock.progress(1.0))
        return self._open(plan, record.is_right)

    def _run_plan(
        self, plan: Sequence[AuditStep], targets: Mapping[Norm, Target], record: StoredAudit, clock: AuditClock
    ) -> list[AttackOutcome]:
        """Run and store what is missing; return the outcomes of the whole plan in its order."""
        stored = {(outcome.name, outcome.norm): outcome for outcome in record.attacks}
        done: list[AttackOutcome] = []
        for index, step in enumerate(plan):
            key = step.attack.name, step.norm
            if key not in stored:
                clock.begin(index, stored)
                # Only what stands before it in the plan, whatever is stored: a step must not depend on the way it went.
                outcome = run_step(step, targets[step.norm], done, position=index, on_progress=self._teller(clock))
                self._parts.store.save_attack(record.id, outcome)
                stored[key] = outcome
                self._parts.listener.attack_finished(outcome, clock.progress(1.0))
            done.append(stored[key])
        return done

    def _teller(self, clock: AuditClock) -> Callable[[float], None]:
        """Tell the listener that a step begins, and return what tells how far it is."""
        self._parts.listener.audit_progressed(clock.progress(0.0))
        return lambda fraction: self._parts.listener.audit_progressed(clock.progress(fraction))

    def _open(self, plan: Sequence[AuditStep], is_right: Flags) -> StoredT:
        settings = self._settings(plan)
        return self._parts.store.open(
            key=audit_key(settings), settings={**settings, "n_attacks": len(plan)}, is_right=is_right
        )

    def _settings(self, plan: Sequence[AuditStep]) -> dict[str, Any]:
        epsilons = self._parts.spec.robustness.epsilons
        n_coordinates = int(np.prod(self._parts.dataset.input_shape))
        radii = {Norm.LINF: tuple(epsilons), Norm.L2: l2_radii(epsilons, n_coordinates)}
        radii |= {} if self._parts.dataset.sound is None else waveform_radii()
        return {
            "plan_version": PLAN_VERSION,
            "plan": plan_digest(plan),
            "checks_version": CHECKS_VERSION,
            "model": dict(sorted(self._parts.model_digests.items())),
            "data_fingerprint": self._parts.dataset.fingerprint,
            "images": self._images,
            "quick": self._parts.quick,
            "seed": self._seed,
            "epsilons": {norm.value: list(values) for norm, values in radii.items()},
            **({} if self._parts.search_steps is None else {"search_steps": self._parts.search_steps}),
        }


def count_clean(model: Classifier, split: Split) -> CleanCount:
    """Return how many of a whole split a model classifies right; a part of it is in memory at a time."""
    parts = [slice(begin, begin + _COUNTED_AT_ONCE) for begin in range(0, len(split), _COUNTED_AT_ONCE)]
    n_right = sum(int((~is_broken(model.logits(split.inputs(part)), split.y[part])).sum()) for part in parts)
    return CleanCount(n_right=n_right, n_examples=len(split))


def plan_digest(plan: Sequence[AuditStep]) -> str:
    """Return a digest of every attack with its norm, examples and settings: other settings are another audit."""
    described = [
        [step.attack.name, step.norm.value, step.scope.value, step.examples, attack_settings(step.attack)]
        for step in plan
    ]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def audit_key(settings: dict[str, Any]) -> str:
    """Return the digest by which an audit is known again: model, data, examples, radii, seed and plan."""
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
