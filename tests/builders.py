"""Values for tests: a study's specification, candidates and measurements whose volumes can be worked out by hand.

The specification's reference point is accuracy 0, 0 and 1000 bytes: a measurement (clean, robust, size) alone
has the hypervolume clean * robust * (1000 - size).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from spaces.measurement import Measurement
from spaces.study_spec import StudySpec
from storage import front_replay
from storage.claims import Claim, ClaimRepository
from storage.records import StudyRecord, TrialOutcome, TrialRecord, TrialState
from storage.repository import Repository
from storage.study_rows import study_row

OBJECTIVES = (("clean_accuracy", 0.0), ("robust_accuracy", 0.0), ("size_bytes", 1000.0))


def build_spec(*, name: str = "tiny", constraints: Sequence[str] = ()) -> StudySpec:
    content: dict[str, Any] = {
        "name": name,
        "data": {"name": "digits"},
        "topology": {"name": "digits_cnn"},
        "robustness": {"epsilons": [0.1]},
        "objectives": [{"name": metric, "reference": reference} for metric, reference in OBJECTIVES],
        "constraints": list(constraints),
    }
    return StudySpec.model_validate(content)


def build_candidate(*, weight_bits: int = 4, jr_weight: float = 0.0) -> Candidate:
    return Candidate(
        policies={
            "conv": LayerPolicy(weight_bits=weight_bits, activation_bits=4, jr_weight=jr_weight),
            "dense": LayerPolicy(weight_bits=8, activation_bits=None),
        },
        topology={"width": 0.5},
        training={"learning_rate": 0.001},
    )


def build_measurement(clean: float, robust: float, *, size_bytes: int, seed: int = 0) -> Measurement:
    return Measurement(
        clean_accuracy=clean,
        robust_accuracy=robust,
        epsilons=(0.1,),
        worst_case=(robust,),
        attack_accuracy={"pgd": (robust,)},
        subset_clean_accuracy=clean,
        size_bytes=size_bytes,
        macs=1000,
        bops=16000,
        ram_bytes=256,
        epochs=3,
        seed=seed,
    )


def build_outcome(clean: float, robust: float, *, size_bytes: int) -> TrialOutcome:
    return TrialOutcome(
        state=TrialState.COMPLETE,
        measurement=build_measurement(clean, robust, size_bytes=size_bytes),
        timings={"training_s": 1.5},
        details={"parent": {"source": "trained here", "clean_accuracy": 0.9}},
    )


def build_failure(reason: str = "loss is not finite") -> TrialOutcome:
    return TrialOutcome(state=TrialState.FAILED, reason=reason, timings={}, details={})


def create_study(repository: Repository, *, name: str = "tiny", constraints: Sequence[str] = ()) -> StudyRecord:
    spec = build_spec(name=name, constraints=constraints)
    return repository.create_study(
        name=name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data={"name": "digits", "is_synthetic": True},
        versions={"python": "3.11"},
    )


def claim_trial(
    claims: ClaimRepository,
    study_id: int,
    number: int,
    *,
    candidate: Candidate | None = None,
    owner: str = "w1",
    ttl_s: float = 60.0,
    budget: int = 1000,
) -> Claim:
    """Claim a new trial where nothing stands in the way."""
    claim = claims.claim_new(
        study_id,
        number=number,
        candidate=candidate or build_candidate(),
        seed=number,
        owner=owner,
        ttl_s=ttl_s,
        budget=budget,
    )
    assert isinstance(claim, Claim), claim
    return claim


def run_trial(
    claims: ClaimRepository,
    study_id: int,
    number: int,
    outcome: TrialOutcome,
    *,
    candidate: Candidate | None = None,
    artifacts: Mapping[str, str] | None = None,
) -> TrialRecord:
    """Claim a new trial and finish it."""
    lease = claim_trial(claims, study_id, number, candidate=candidate).lease
    return claims.finish(lease, outcome, artifacts=artifacts)


def check_front(repository: Repository, study_id: int) -> list[str]:
    """Compute the front anew from all results and return in words where the stored one differs; empty is good."""
    with repository._transactions.reading() as session:
        return front_replay.differences(session, study_row(session, study_id))
