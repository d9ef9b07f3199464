from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from rich.console import Console

from search.cli.audit_table import audit_values, print_audit
from spaces.audit import AttackOutcome, CleanCount
from spaces.check_result import CheckResult
from spaces.norms import Norm
from storage.audits import AuditRecord

RIGHT = np.array([True, True, True, False])
PASSED = CheckResult(name="restarts", value=0.015, bound=0.02, passed=True)
FIRED = CheckResult(name="twice_the_steps", value=0.125, bound=0.01, passed=False)
WITHHELD = CheckResult(name="deterministic", value=0.5, bound=0.0, passed=False, is_precondition=True)


def make_record(*checks: CheckResult) -> AuditRecord:
    descending = AttackOutcome(
        name="square",
        norm=Norm.LINF,
        epsilons=(0.1, 0.2),
        n_examples=4,
        tried=np.array([[1, 0, 0, 0], [1, 1, 0, 0]], bool),
        broken=np.array([[1, 0, 0, 0], [1, 0, 0, 0]], bool),
        elapsed_s=3.0,
        details={"scope": "survivors"},
    )
    return AuditRecord(
        id=1,
        study_id=1,
        number=7,
        key="k",
        settings={"n_attacks": 1, "quick": False},
        is_right=RIGHT,
        whole_test=CleanCount(n_right=30, n_examples=40),
        attacks=(descending,),
        checks=checks,
        created_at=datetime(2026, 5, 1, tzinfo=UTC),
    )


def printed(record: AuditRecord) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        print_audit(console, "digits", record)
    return capture.get()


def test_fired_checks_come_first_and_say_where_to_read_on() -> None:
    text = printed(make_record(PASSED, FIRED, WITHHELD))
    rows = [line.split() for line in text.splitlines()]
    assert ["twice_the_steps", "0.125", "0.01", "FIRED"] in rows
    assert ["deterministic", "(precondition)", "0.5", "0", "FIRED"] in rows
    assert ["restarts", "0.015", "0.02", "ok"] in rows
    assert text.index("twice_the_steps") < text.index("restarts")
    assert "2 masking checks fired" in text
    assert "docs/checks.md" in text


@pytest.mark.parametrize(
    ("checks", "note"), [((PASSED,), "no masking check fired"), ((FIRED,), "1 masking check fired")]
)
def test_note_counts_what_fired(checks: tuple[CheckResult, ...], note: str) -> None:
    assert note in printed(make_record(*checks))


def test_audit_without_checks_says_that_they_are_missing() -> None:
    record = replace(make_record(), checks=None)
    assert "masking checks: not computed" in printed(record)
    assert audit_values(record)["checks"] is None


def test_clean_accuracy_of_the_whole_test_split_stands_behind_that_of_the_attacked_images() -> None:
    record = make_record(PASSED)
    assert "clean accuracy 0.750, whole test split 0.750 (0.60-0.86) of 40" in printed(record)
    assert audit_values(record)["whole_test"] == {"n_right": 30, "n_examples": 40}
    uncounted = replace(record, whole_test=None)
    assert "whole test split" not in printed(uncounted)
    assert audit_values(uncounted)["whole_test"] is None


def test_json_has_the_checks_and_what_was_really_run() -> None:
    values = audit_values(make_record(PASSED, FIRED))
    assert values["checks"] == [PASSED.to_json(), FIRED.to_json()]
    assert values["masking_suspect"] is True
    (attack,) = values["attacks"]
    assert (attack["n_tried"], attack["n_broken"], attack["accuracy"]) == ([1, 2], [1, 1], [0.25, 0.25])
