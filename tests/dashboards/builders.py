"""Records made by hand: a short study for exact numbers, and a realistic one for looking at pages."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from dashboards.snapshot import StudySnapshot
from spaces.audit import AttackOutcome, CleanCount
from spaces.candidate import Candidate
from spaces.check_result import CheckResult
from spaces.layer_policy import LayerPolicy
from spaces.measurement import Measurement
from spaces.norms import Norm
from spaces.objectives import losses, reference_losses, violations
from spaces.pareto import hypervolume, non_dominated_mask
from spaces.spec_files import parse_spec
from storage.audits import AuditRecord
from storage.records import RevisionRecord, StudyRecord, TrialRecord, TrialState

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EPSILONS = (0.1, 0.2)
THREE = (("clean_accuracy", 0.0), ("robust_accuracy", 0.0), ("size_bytes", 1000.0))
TWO = (("clean_accuracy", 0.0), ("macs", 100.0))
FOUR = (*THREE, ("macs", 1000.0))
RESNET8 = (
    "conv0",
    "block1_conv1",
    "block1_conv2",
    "block2_conv1",
    "block2_conv2",
    "block2_shortcut",
    "block3_conv1",
    "block3_conv2",
    "block3_shortcut",
    "dense",
)
_PARAMETERS = (432, 2304, 2304, 4608, 9216, 512, 18432, 36864, 2048, 640)


def make_study(
    *,
    name: str = "tiny",
    objectives: Sequence[tuple[str, float]] = THREE,
    constraints: Sequence[str] = (),
    epsilons: Sequence[float] = EPSILONS,
    attack_examples: int = 100,
    is_synthetic: bool = False,
) -> StudyRecord:
    """Return a study; its stored specification is checked, its name is not."""
    content = {
        "name": "tiny",
        "seed": 7,
        "data": {"name": "digits", "validation_examples": 300, "attack_examples": attack_examples},
        "topology": {"name": "digits_cnn"},
        "robustness": {"epsilons": list(epsilons)},
        "objectives": [{"name": metric, "reference": reference} for metric, reference in objectives],
        "constraints": list(constraints),
    }
    spec = parse_spec(content, source="builder")
    return StudyRecord(
        id=1,
        name=name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data={"name": "digits", "fingerprint": "0123456789abcdef" * 4, "is_synthetic": is_synthetic},
        versions={"python": "3.11.9", "tensorflow": "2.15.0", "qkeras": "0.9.0"},
        created_at=START,
    )


def make_candidate(policies: Mapping[str, tuple[int, int | None, float]] | None = None) -> Candidate:
    """Return a candidate from layer -> (weight bits, activation bits, Jacobian weight)."""
    chosen = policies or {"conv": (4, 8, 0.01), "dense": (8, None, 0.0)}
    return Candidate(
        policies={
            name: LayerPolicy(weight_bits=weights, activation_bits=activations, jr_weight=jr_weight)
            for name, (weights, activations, jr_weight) in chosen.items()
        },
        topology={"width": 1.0},
        training={"learning_rate": 0.001},
    )


def make_measurement(
    *,
    clean: float = 0.9,
    worst_case: Sequence[float] = (0.6, 0.4),
    size_bytes: int = 500,
    epsilons: Sequence[float] = EPSILONS,
    attack_accuracy: Mapping[str, tuple[float, ...]] | None = None,
    macs: int = 50,
    checks: Sequence[CheckResult] = (),
) -> Measurement:
    """Return a measurement whose robust accuracy is the mean of its worst case."""
    attacks = {"fgsm": tuple(worst_case), "pgd": tuple(worst_case)} if attack_accuracy is None else attack_accuracy
    return Measurement(
        clean_accuracy=clean,
        robust_accuracy=sum(worst_case) / len(worst_case),
        epsilons=tuple(epsilons),
        worst_case=tuple(worst_case),
        attack_accuracy=attacks,
        subset_clean_accuracy=clean,
        size_bytes=size_bytes,
        macs=macs,
        bops=macs * 64,
        ram_bytes=256,
        epochs=3,
        seed=11,
        checks=tuple(checks),
    )


def make_trial(
    number: int,
    *,
    measurement: Measurement | None = None,
    state: TrialState = TrialState.COMPLETE,
    candidate: Candidate | None = None,
    violated: tuple[float, ...] = (),
    reason: str | None = None,
) -> TrialRecord:
    """Return a trial; a complete one is measured with the builder's values unless others are given."""
    is_complete = state is TrialState.COMPLETE
    return TrialRecord(
        number=number,
        state=state,
        candidate=candidate or make_candidate(),
        seed=number,
        measurement=(measurement or make_measurement()) if is_complete else None,
        violations=violated,
        reason=reason,
        timings={"training_s": 1.0},
        details={},
        owner="worker",
        is_told=True,
        started_at=START + timedelta(minutes=number),
        finished_at=START + timedelta(minutes=number, seconds=30),
    )


def make_snapshot(
    trials: Sequence[TrialRecord] = (),
    *,
    front: Sequence[int] = (),
    study: StudyRecord | None = None,
    revisions: Sequence[RevisionRecord] = (),
    audits: Sequence[AuditRecord] = (),
) -> StudySnapshot:
    """Return a snapshot with the default baselines, trials 0 and 1."""
    return StudySnapshot(
        study=study or make_study(),
        trials=tuple(trials),
        front_numbers=tuple(front),
        revisions=tuple(revisions),
        audits=tuple(audits),
    )


def make_check(
    name: str, value: float = 1.0, bound: float = 0.5, *, passed: bool = False, is_precondition: bool = False
) -> CheckResult:
    """Return a check, fired unless told otherwise."""
    return CheckResult(name=name, value=value, bound=bound, passed=passed, is_precondition=is_precondition)


def make_outcome(
    name: str,
    kept: Sequence[str],
    *,
    norm: Norm = Norm.LINF,
    epsilons: Sequence[float] = EPSILONS,
    distances: Sequence[float] | None = None,
) -> AttackOutcome:
    """Return an attack, from one text per radius: 1 where the prediction stays right, else 0; - outside its subset."""
    flags = np.array([list(row) for row in kept])
    tried, broken = flags != "-", flags == "0"
    return AttackOutcome(
        name=name,
        norm=norm,
        epsilons=tuple(epsilons),
        n_examples=int(tried[0].sum()),
        tried=tried,
        broken=broken,
        distances=None if distances is None else np.array(distances, np.float32),
        elapsed_s=2.0,
    )


def make_audit(
    number: int,
    attacks: Sequence[AttackOutcome],
    *,
    right: str = "1111",
    checks: Sequence[CheckResult] | None = (),
    n_planned: int | None = None,
    images: int = 4,
    is_quick: bool = False,
    whole_test: CleanCount | None = None,
) -> AuditRecord:
    """Return an audit of as many examples as `right` has letters; its `images` only tell settings apart."""
    n_attacks = len(attacks) if n_planned is None else n_planned
    return AuditRecord(
        id=number,
        study_id=1,
        number=number,
        key="k" * 64,
        settings={"n_attacks": n_attacks, "quick": is_quick, "images": images},
        is_right=np.array([flag == "1" for flag in right]),
        whole_test=whole_test,
        attacks=tuple(attacks),
        checks=None if checks is None else tuple(checks),
        created_at=START,
    )


def make_revision(revision: int, trial_number: int | None, value: float, size: int) -> RevisionRecord:
    """Return one state of the front, made `revision` minutes after the start."""
    return RevisionRecord(
        revision=revision,
        trial_number=trial_number,
        hypervolume=value,
        size=size,
        created_at=START + timedelta(minutes=revision),
    )


def edge_cases() -> dict[str, StudySnapshot]:
    """Return the studies that have little or nothing to show, by name."""
    failed = [make_trial(n, state=TrialState.FAILED, reason="loss is not finite") for n in range(3)]
    infeasible = [make_trial(n, violated=(0.1,)) for n in range(3)]
    two = make_study(objectives=TWO)
    return {
        "empty": make_snapshot(revisions=[make_revision(0, None, 0.0, 0)]),
        "no revisions": make_snapshot(),
        "one trial": make_snapshot([make_trial(0)], front=[0], revisions=[make_revision(1, 0, 0.3, 1)]),
        "one other trial": make_snapshot([make_trial(5)], front=[5]),
        "two objectives": make_snapshot([make_trial(n) for n in range(3)], front=[0, 1, 2], study=two),
        "four objectives": make_snapshot(
            [make_trial(n) for n in range(3)], front=[2], study=make_study(objectives=FOUR)
        ),
        "all infeasible": make_snapshot(infeasible, study=make_study(constraints=["clean_accuracy >= 0.95"])),
        "failed only": make_snapshot(failed),
        "running only": make_snapshot([make_trial(0, state=TrialState.RUNNING)]),
        "no single attack": make_snapshot([make_trial(0, measurement=make_measurement(attack_accuracy={}))], front=[0]),
    }


def realistic_snapshot(*, n_trials: int = 30, is_synthetic: bool = False) -> StudySnapshot:
    """Return a ResNet-8 study on CIFAR-10 with plausible values; the front and its history are computed."""
    epsilons = tuple(k / 255 for k in (0.5, 1, 2, 4, 8))
    objectives = (("clean_accuracy", 0.1), ("robust_accuracy", 0.0), ("size_bytes", 100000.0))
    study = make_study(
        name="cifar",
        objectives=objectives,
        constraints=["clean_accuracy >= 0.55"],
        epsilons=epsilons,
        attack_examples=256,
        is_synthetic=is_synthetic,
    )
    trials = tuple(_resnet_trial(number, epsilons, study) for number in range(n_trials))
    return _with_history(study, trials)


def _resnet_trial(number: int, epsilons: tuple[float, ...], study: StudyRecord) -> TrialRecord:
    rng = random.Random(number)
    if number in (9, 21):
        return make_trial(number, state=TrialState.FAILED, reason="the loss is not finite in epoch 2")
    if number == 17:
        return make_trial(number, state=TrialState.REFUSED, reason="the same candidate was measured as trial 12")
    policies: dict[str, tuple[int, int | None, float]] = {}
    for layer in RESNET8:
        has_activation = layer != "dense" and not layer.endswith("shortcut")
        weights = 8 if number < 2 else rng.choice((2, 3, 4, 6, 8))
        activations = (8 if number < 2 else rng.choice((3, 4, 6, 8))) if has_activation else None
        jr_weight = 3e-4 * number if number < 2 else rng.choice((0.0, 1e-4, 3e-4, 1e-3, 3e-3))
        policies[layer] = (weights, activations, 0.0 if layer.endswith("shortcut") else jr_weight)
    size = sum(n * policies[layer][0] for n, layer in zip(_PARAMETERS, RESNET8, strict=True)) // 8 + 2400
    bits = sum(policy[0] for policy in policies.values()) / len(policies)
    strength = sum(policy[2] for policy in policies.values()) * 100
    clean = min(0.86, max(0.42, 0.52 + 0.045 * bits - 0.12 * strength + rng.gauss(0, 0.03)))
    rate = 280 / (1 + 2.5 * strength) * (1 + 0.1 * rng.random())
    worst_case = tuple(round(256 * clean * float(np.exp(-rate * epsilon))) / 256 for epsilon in epsilons)
    measurement = make_measurement(
        clean=round(clean, 4),
        worst_case=worst_case,
        size_bytes=size,
        epsilons=epsilons,
        attack_accuracy={
            "fgsm": tuple(min(1.0, value + 0.06) for value in worst_case),
            "pgd": worst_case,
            "square": tuple(min(1.0, value + 0.12) for value in worst_case),
        },
        macs=12_500_000,
    )
    spec = parse_spec(study.spec, source="builder")
    candidate = make_candidate(policies)
    violated = violations(measurement, spec.constraint_values())
    return make_trial(number, measurement=measurement, candidate=candidate, violated=violated)


def _with_history(study: StudyRecord, trials: tuple[TrialRecord, ...]) -> StudySnapshot:
    objectives = parse_spec(study.spec, source="builder").objective_values()
    reference = reference_losses(objectives)
    revisions = [make_revision(0, None, 0.0, 0)]
    front: list[TrialRecord] = []
    for trial in (trial for trial in trials if trial.is_feasible):
        members = [*front, trial]
        points = np.array([losses(m.measurement, objectives) for m in members if m.measurement is not None])
        kept = [member for member, is_in in zip(members, non_dominated_mask(points), strict=True) if is_in]
        if kept != front:
            front = kept
            revisions.append(make_revision(len(revisions), trial.number, hypervolume(points, reference), len(front)))
    return make_snapshot(trials, front=[member.number for member in front], study=study, revisions=revisions)
