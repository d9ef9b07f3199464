from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy import Engine

from spaces.audit import AttackOutcome, CleanCount
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from spaces.norms import Norm
from storage.audit_columns import pack, unpack
from storage.audits import AuditRecord, AuditRepository
from storage.claims import ClaimRepository
from storage.records import StudyRecord
from tests.builders import claim_trial

WHOLE_TEST = CleanCount(n_right=60, n_examples=80)
RIGHT = np.array([True, True, False] * 7)


@pytest.fixture
def audits(engine: Engine, study: StudyRecord) -> AuditRepository:
    claim_trial(ClaimRepository(engine), study.id, 0)
    return AuditRepository(engine)


def open_audit(audits: AuditRepository, study: StudyRecord, *, key: str = "k" * 64) -> AuditRecord:
    return audits.open_audit(study.id, number=0, key=key, settings={"n_attacks": 2}, is_right=RIGHT)


def outcome(name: str = "pgd", *, seed: int = 0, distances: bool = False) -> AttackOutcome:
    rng = np.random.default_rng(seed)
    tried = np.tile(RIGHT, (2, 1))
    return AttackOutcome(
        name=name,
        norm=Norm.L2,
        epsilons=(0.1, 0.2),
        n_examples=21,
        tried=tried,
        broken=tried & rng.integers(0, 2, size=tried.shape).astype(bool),
        distances=np.where(RIGHT, [0.1, np.inf, 0.2] * 7, np.nan).astype(np.float32) if distances else None,
        elapsed_s=1.5,
        details={"steps": 3},
    )


def same(first: AttackOutcome, second: AttackOutcome) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b
        for a, b in ((getattr(first, name), getattr(second, name)) for name in first.__dataclass_fields__)
        if a is not None or b is not None
    ) and (first.distances is None) == (second.distances is None)


def same_distances(first: AttackOutcome, second: AttackOutcome) -> bool:
    return np.array_equal(np.asarray(first.distances), np.asarray(second.distances), equal_nan=True)


def test_packed_flags_read_back() -> None:
    flags = np.random.default_rng(0).integers(0, 2, size=(5, 1001)).astype(bool)
    assert len(pack(flags)) == 626
    assert np.array_equal(unpack(pack(flags), flags.shape), flags)


def test_audit_reads_back_with_its_attacks_in_order(audits: AuditRepository, study: StudyRecord) -> None:
    opened = open_audit(audits, study)
    assert np.array_equal(opened.is_right, RIGHT)
    assert (opened.whole_test, opened.attacks, opened.is_complete) == (None, (), False)
    for stored in (outcome("pgd"), outcome("art-cw", seed=1, distances=True)):
        audits.save_attack(opened.id, stored)
    (record,) = audits.audits(study.id, number=0)
    assert [attack.name for attack in record.attacks] == ["pgd", "art-cw"]
    assert same(record.attacks[0], outcome("pgd"))
    assert same_distances(record.attacks[1], outcome(distances=True))
    assert record.has_all_attacks
    assert not record.is_complete, "its checks are missing"


def test_audit_of_the_same_key_is_taken_up_and_of_another_is_new(audits: AuditRepository, study: StudyRecord) -> None:
    first = open_audit(audits, study)
    audits.save_attack(first.id, outcome())
    again = open_audit(audits, study)
    assert (again.id, len(again.attacks)) == (first.id, 1)
    assert open_audit(audits, study, key="o" * 64).attacks == ()
    assert len(audits.audits(study.id)) == 2


def test_first_of_two_results_of_one_attack_stays(audits: AuditRepository, study: StudyRecord) -> None:
    record = open_audit(audits, study)
    audits.save_attack(record.id, outcome(seed=0))
    audits.save_attack(record.id, outcome(seed=1))
    (stored,) = open_audit(audits, study).attacks
    assert same(stored, outcome(seed=0))


def test_first_count_of_the_whole_test_split_stays(audits: AuditRepository, study: StudyRecord) -> None:
    record = open_audit(audits, study)
    audits.save_whole_test(record.id, WHOLE_TEST)
    audits.save_whole_test(record.id, CleanCount(n_right=0, n_examples=WHOLE_TEST.n_examples))
    assert open_audit(audits, study).whole_test == WHOLE_TEST


def check(name: str, *, passed: bool) -> CheckResult:
    return CheckResult(name=name, value=0.5, bound=0.1, passed=passed)


def test_checks_complete_an_audit_and_the_first_ones_stay(audits: AuditRepository, study: StudyRecord) -> None:
    opened = open_audit(audits, study)
    for name in ("pgd", "square"):
        audits.save_attack(opened.id, outcome(name))
    assert (opened.checks, opened.masking_suspect) == (None, False)
    passed, fired = check("restarts", passed=True), check("noise_only_successes", passed=False)
    audits.save_checks(opened.id, [passed, fired])
    audits.save_checks(opened.id, [passed])
    (record,) = audits.audits(study.id)
    assert record.checks == (passed, fired)
    assert record.is_complete
    assert record.masking_suspect


def test_audit_without_a_fired_check_is_not_suspect(audits: AuditRepository, study: StudyRecord) -> None:
    opened = open_audit(audits, study)
    audits.save_checks(opened.id, [check("restarts", passed=True)])
    (record,) = audits.audits(study.id)
    assert not record.masking_suspect
    assert not record.is_complete, "its attacks are missing"


def test_audits_that_begin_together_are_one(audits: AuditRepository, study: StudyRecord) -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(lambda _: open_audit(audits, study).id, range(8)))
    assert len(ids) == 1


def test_unknown_trial_or_audit_is_refused(audits: AuditRepository, study: StudyRecord) -> None:
    with pytest.raises(SelectionError, match="has no trial 7"):
        audits.open_audit(study.id, number=7, key="k", settings={}, is_right=RIGHT)
    with pytest.raises(SelectionError, match="no audit has the id 9"):
        audits.save_attack(9, outcome())
    with pytest.raises(SelectionError, match="no audit has the id 9"):
        audits.save_checks(9, [])
    with pytest.raises(SelectionError, match="no audit has the id 9"):
        audits.save_whole_test(9, WHOLE_TEST)
