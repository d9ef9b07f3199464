from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

import search.audit
from search.attacks.audit_clock import AuditProgress
from search.attacks.audit_effort import FULL, QUICK, Effort
from search.attacks.audit_plan import AuditStep, Surrogates, audit_plan
from search.audit import Auditor, AuditParts, StoredAudit, plan_digest
from search.audit_models import AuditModels, sibling_candidate
from search.audit_records import compare_audits, stored_audit
from search.data.dataset import Dataset, Split
from search.models.trained_model import TrainedModel
from spaces.audit import AttackOutcome, CleanCount
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from spaces.norms import INPUT_NORMS, Norm
from storage.audits import AuditRecord, AuditRepository, TrialAudits
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.records import StudyRecord
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import claim_trial
from tests.search.attacks.linear_model import LinearModel
from tests.search.random_model import random_model
from tests.search.trained_digits import digits_dataset, digits_spec

IMAGES = 30
SHORT = ("pgd", "pgd-restarts", "apgd-ce", "transfer-float", "noise")


class Recorder:
    """Remembers what it hears, and interrupts when it is told to."""

    def __init__(self, *, interrupt_at: str | None = None) -> None:
        self.begun_with: list[int] = []
        self.finished: list[tuple[str, Norm]] = []
        self.checks: list[str] = []
        self.progress: list[AuditProgress] = []
        self._interrupt_at = interrupt_at

    def audit_started(self, record: StoredAudit, total: int) -> None:
        self.begun_with.append(len(record.attacks))

    def audit_progressed(self, progress: AuditProgress) -> None:
        self.progress.append(progress)
        if progress.name == self._interrupt_at and progress.norm is not Norm.LINF:
            raise KeyboardInterrupt

    def attack_finished(self, outcome: AttackOutcome, progress: AuditProgress) -> None:
        self.finished.append((outcome.name, outcome.norm))

    def checks_finished(self, checks: Sequence[CheckResult], progress: AuditProgress) -> None:
        self.checks += [check.name for check in checks]


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return random_model()


def linear_models(model: TrainedModel, *, input_range: tuple[float, float]) -> AuditModels:
    """Stand in for compiled networks, which take long to trace; the bits decide how good the classifier is."""
    bits = model.candidate.policies["dense"].weight_bits
    surrogates = Surrogates(float_twin=linear(noise=0.0), sibling=linear(noise=0.1))
    target = linear(noise=1 / bits**2)
    return AuditModels(target=target, surrogates=surrogates, saturation=lambda _: {"relu": 0.1})  # type: ignore[arg-type]


def linear(*, noise: float) -> LinearModel:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((64, 10))
    return LinearModel(weights + noise * rng.standard_normal(weights.shape))


def dataset() -> Dataset:
    """Digits, labelled by a linear model."""
    digits = digits_dataset()
    labels = linear(noise=0.0).logits(digits.test.inputs()).argmax(axis=1).astype(np.int64)
    return replace(digits, test=Split(x=digits.test.x, y=labels, input_scale=digits.test.input_scale))


@pytest.fixture(autouse=True)
def short_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(surrogates: Surrogates, *, input_step: float, effort: Effort) -> tuple[AuditStep, ...]:
        steps = audit_plan(surrogates, input_step=input_step, effort=effort)
        return tuple(step for step in steps if step.attack.name in SHORT)

    monkeypatch.setattr(search.audit, "audit_plan", plan)
    monkeypatch.setattr(search.audit, "require_toolbox", lambda: None)


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    made = tuple(open_engine(str(tmp_path / f"{name}.db")) for name in "ab")
    for engine in made:
        upgrade(engine)
    yield made[0], made[1]
    for engine in made:
        engine.dispose()


def make_study(engine: Engine, *models: TrainedModel) -> StudyRecord:
    spec, repository = digits_spec(), Repository(engine)
    study = repository.create_study(
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data={"name": "digits"},
        versions={},
    )
    for number, trained in enumerate(models):
        claim_trial(ClaimRepository(engine), study.id, number, candidate=trained.candidate)
    return study


def audit(
    engine: Engine, study: StudyRecord, trained: TrainedModel, listener: Recorder, number: int = 0, **changes
) -> AuditRecord:
    parts = AuditParts(
        spec=digits_spec(),
        models=partial(linear_models, trained, input_range=(0.0, 1.0)),
        search_steps=4,
        model_digests={"weights.npz": "a" * 64},
        dataset=dataset(),
        images=IMAGES,
        quick=True,
        store=TrialAudits(AuditRepository(engine), study.id, number=number),
        listener=listener,
    )
    return Auditor(replace(parts, **changes)).run()


def test_interrupted_audit_goes_on_and_ends_with_the_same_matrices(
    engines: tuple[Engine, Engine], model: TrainedModel
) -> None:
    studies = [make_study(engine, model) for engine in engines]
    whole = audit(engines[0], studies[0], model, Recorder())
    with pytest.raises(KeyboardInterrupt):
        audit(engines[1], studies[1], model, Recorder(interrupt_at="apgd-ce"))
    listener = Recorder()
    resumed = audit(engines[1], studies[1], model, listener)
    assert listener.begun_with == [7], "five attacks in L-inf and two in L2 were stored"
    assert listener.finished == [(name, Norm.L2) for name in SHORT[2:]]
    assert whole.is_complete
    assert resumed.is_complete
    assert resumed.key == whole.key
    assert resumed.checks == whole.checks
    for first, second in zip(whole.attacks, resumed.attacks, strict=True):
        assert (first.name, first.norm, first.details) == (second.name, second.norm, second.details)
        assert np.array_equal(first.tried, second.tried)
        assert np.array_equal(first.broken, second.broken)
    assert whole.is_right.mean() > 0.5
    examples, target = dataset().test, linear_models(model, input_range=(0.0, 1.0)).target
    n_right = int((target.logits(examples.inputs()).argmax(axis=1) == examples.y).sum())
    assert whole.whole_test == CleanCount(n_right=n_right, n_examples=len(examples)), "more than the attacked ones"
    assert len(examples) > IMAGES
    assert any(0 < attack.broken.sum() < attack.broken.size for attack in whole.attacks)
    assert audit(engines[0], studies[0], model, again := Recorder()).id == whole.id
    assert again.finished == again.checks == []


def test_audit_of_a_longer_plan_goes_on_from_a_shorter_one(
    engines: tuple[Engine, Engine], model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = [make_study(engine, model) for engine in engines]
    short = audit(engines[0], studies[0], model, Recorder())
    monkeypatch.setattr("tests.search.test_audit.SHORT", (*SHORT, "nes"))
    longer = audit(engines[0], studies[0], model, listener := Recorder())
    assert listener.begun_with == [len(short.attacks)]
    assert listener.finished == [("nes", Norm.LINF), ("nes", Norm.L2)]
    afresh = audit(engines[1], studies[1], model, Recorder())
    assert (longer.key, longer.checks) == (afresh.key, afresh.checks)
    assert longer.key != short.key
    for first, second in zip(longer.attacks, afresh.attacks, strict=True):
        assert (first.name, first.norm, first.details) == (second.name, second.norm, second.details)
        assert np.array_equal(first.broken, second.broken)


@pytest.mark.parametrize("change", ["images", "plan", "model", "search_steps", "checks"])
def test_only_what_both_begin_with_is_taken_over(
    engines: tuple[Engine, Engine], model: TrainedModel, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    study = make_study(engines[0], model)
    audit(engines[0], study, model, Recorder())
    changes: dict[str, object] = {}
    if change == "checks":
        monkeypatch.setattr("search.audit.CHECKS_VERSION", 0)
    elif change == "plan":  # without the third attack those behind it have other survivors and another place
        monkeypatch.setattr("tests.search.test_audit.SHORT", (*SHORT[:2], *SHORT[3:]))
    else:
        model_digests = {"weights.npz": "b" * 64}
        changes = {
            "images": {"images": 20},
            "model": {"model_digests": model_digests},
            "search_steps": {"search_steps": 5},
        }[change]
    audit(engines[0], study, model, listener := Recorder(), **changes)
    assert listener.begun_with == [{"plan": 2, "search_steps": 2 * len(SHORT), "checks": 2 * len(SHORT)}.get(change, 0)]
    assert listener.checks, "they are made anew"


def test_interrupted_checks_are_computed_by_the_next_run(engines: tuple[Engine, Engine], model: TrainedModel) -> None:
    study = make_study(engines[0], model)
    with pytest.raises(KeyboardInterrupt):
        audit(engines[0], study, model, Recorder(interrupt_at="checks"))
    (stored,) = AuditRepository(engines[0]).audits(study.id)
    assert (stored.has_all_attacks, stored.is_complete, stored.checks) == (True, False, None)
    resumed = audit(engines[0], study, model, listener := Recorder())
    assert listener.finished == []
    assert resumed.checks is not None
    assert listener.checks == [check.name for check in resumed.checks]
    by_name = {check.name: check for check in resumed.checks}
    assert by_name["saturated_activations"].value == 0.1
    assert by_name["restarts"].passed
    assert by_name["search_against_audit"].value == 0, "on a linear model both suites find all that there is"


def test_progress_rises_and_the_time_left_ends_at_nothing(engines: tuple[Engine, Engine], model: TrainedModel) -> None:
    listener = Recorder()
    audit(engines[0], make_study(engines[0], model), model, listener)
    assert listener.progress[0].left_s is None
    assert listener.progress[-1].fraction == pytest.approx(1.0)
    assert listener.progress[-1].left_s == pytest.approx(0.0, abs=1e-6)
    assert [item.position for item in listener.progress] == sorted(item.position for item in listener.progress)


def test_two_trials_compare_on_the_same_images(engines: tuple[Engine, Engine], model: TrainedModel) -> None:
    other = random_model(weight_bits=2)
    study = make_study(engines[0], model, other)
    audits = AuditRepository(engines[0])
    first = audit(engines[0], study, model, Recorder())
    with pytest.raises(SelectionError, match="trial 1 of study 'digits' has no audit"):
        compare_audits(audits, study, first, 1)
    second = audit(engines[0], study, other, Recorder(), number=1, model_digests={"weights.npz": "b" * 64})
    assert second.id != first.id
    comparisons = compare_audits(audits, study, first, 1)
    assert [(item.norm, item.epsilon) for item in comparisons] == [
        (norm, epsilon) for norm in INPUT_NORMS for epsilon in first.settings["epsilons"][norm.value]
    ]
    fewer = audit(engines[0], study, model, Recorder(), images=20)
    with pytest.raises(SelectionError) as caught:
        compare_audits(audits, study, fewer, 1)
    for part in (
        "(it has: --images 30 --quick; the newest differs in images)",
        "--select trial:1 --images 20 --quick`",
    ):
        assert part in str(caught.value)
    audit(engines[0], study, other, Recorder(), number=1, model_digests={"weights.npz": "b" * 64}, images=20)
    assert compare_audits(audits, study, fewer, 1) != comparisons
    assert compare_audits(audits, study, first, 1) == comparisons, "though the newest audit has fewer images"


def test_stored_audit_is_the_newest_or_that_of_the_options(engines: tuple[Engine, Engine], model: TrainedModel) -> None:
    study, audits = make_study(engines[0], model), AuditRepository(engines[0])
    whole = audit(engines[0], study, model, Recorder())
    with pytest.raises(KeyboardInterrupt):
        audit(engines[0], study, model, Recorder(interrupt_at="checks"), images=20)
    assert len(stored_audit(audits, study, 0, images=None, quick=False).is_right) == 20
    assert stored_audit(audits, study, 0, images=30, quick=True).id == whole.id
    with pytest.raises(SelectionError, match=r"no audit with --images 30 \(it has: --images 30 --quick, --images 20 -"):
        stored_audit(audits, study, 0, images=30, quick=False)
    with pytest.raises(SelectionError, match="trial 1 of study 'digits' has no audit; run `audit --study digits"):
        stored_audit(audits, study, 1, images=None, quick=True)


def test_other_settings_are_another_audit() -> None:
    model = linear(noise=0.0)
    full, quick, coarse = (
        audit_plan(Surrogates(float_twin=model, sibling=model), input_step=input_step, effort=effort)
        for input_step, effort in ((1 / 255, FULL), (1 / 255, QUICK), (1 / 16, FULL))
    )
    assert len({plan_digest(plan) for plan in (full, quick, coarse, full[:-1])}) == 4
    assert plan_digest(full) == plan_digest(tuple(full))


def test_sibling_has_other_bits() -> None:
    candidate = random_model().candidate
    wide = sibling_candidate(candidate)
    assert {policy.weight_bits for policy in wide.policies.values()} == {8}
    assert {policy.activation_bits for policy in wide.policies.values()} == {8, None}
    assert {policy.weight_bits for policy in sibling_candidate(wide).policies.values()} == {4}
