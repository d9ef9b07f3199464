"""Every wide table at 80 columns and at 60: no row is longer, nothing is cut."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from rich.console import Console

from dashboards.infos.reference_comparison import reference_comparison_info
from search.cli.audit_table import print_audit
from search.cli.compare_table import print_comparison
from search.cli.front_table import print_front
from search.cli.reference_table import print_references
from spaces.audit import AttackOutcome, CleanCount
from spaces.norms import Norm
from storage.reference_models import ReferenceRecord
from tests.dashboards.builders import (
    make_audit,
    make_check,
    make_measurement,
    make_outcome,
    make_snapshot,
    make_trial,
    realistic_snapshot,
)

RADII = tuple(value / 255 for value in (0.5, 1, 2, 4, 8))
NAMES = ("pgd", "transfer-sibling", "art-hopskipjump", "square")


def outcomes(kept: str) -> tuple[AttackOutcome, ...]:
    """Attacks that each leave the same examples at every radius."""
    of_each = [make_outcome(name, [kept] * len(RADII), epsilons=RADII) for name in NAMES]
    minimal = make_outcome("fmn", [kept] * len(RADII), norm=Norm.L2, epsilons=RADII, distances=[0.5] * len(kept))
    return (*of_each, minimal)


REFERENCE = ReferenceRecord(
    id=1,
    study_id=1,
    name="mlcommons-resnet8-float",
    title="MLCommons/Tiny ResNet-8",
    size_bytes=308_160,
    source={},
    key="r" * 64,
    settings={"n_attacks": len(NAMES) + 1, "quick": False, "images": 4},
    is_right=np.array([True] * 4),
    whole_test=CleanCount(n_right=8_719, n_examples=10_000),
    attacks=outcomes("1000"),
    checks=(),
    created_at=datetime(2026, 5, 1, tzinfo=UTC),
)


def print_a_front(console: Console) -> None:
    print_front(console, realistic_snapshot())


def print_an_audit(console: Console) -> None:
    checks = [make_check("black_box_only_successes"), make_check("logits_not_probabilities", is_precondition=True)]
    print_audit(console, "cifar", make_audit(2, outcomes("1100"), checks=checks))


def print_a_comparison(console: Console) -> None:
    trials = [make_trial(number, measurement=make_measurement(size_bytes=50_000)) for number in (2, 3)]
    audits = [make_audit(number, outcomes("1110"), checks=()) for number in (2, 3)]
    snapshot = replace(make_snapshot(trials, front=[2, 3], audits=audits), reference_audits=(REFERENCE,))
    print_comparison(console, "cifar", reference_comparison_info(snapshot, REFERENCE.name))


def print_the_references(console: Console) -> None:
    print_references(console, [REFERENCE])


PRINTERS = (print_a_front, print_an_audit, print_a_comparison, print_the_references)


def printed(show: Callable[[Console], None], width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        show(console)
    return capture.get().splitlines()


def is_row(line: str) -> bool:
    """Whether a line belongs to a table: sentences around them are wrapped by the terminal."""
    return line.startswith(("┃", "│")) or "  " in line.strip() or "─" in line


@pytest.mark.parametrize("show", PRINTERS)
@pytest.mark.parametrize("width", [60, 80])
def test_rows_fit_and_nothing_is_cut(show: Callable[[Console], None], width: int) -> None:
    lines = printed(show, width)
    assert [line for line in lines if "…" in line] == []
    assert [line for line in lines if is_row(line) and len(line) > width] == []
    assert any(is_row(line) for line in lines)


def test_each_model_has_its_own_table_where_the_terminal_is_narrow() -> None:
    wide, narrow = (printed(print_a_comparison, width) for width in (200, 60))
    assert any("0.750 (0.30-0.95)" in line for line in wide)
    assert sum("whole 0.872" in line for line in wide) == 2, "of the reference, in each size class"
    start = narrow.index(next(line for line in narrow if line.startswith("#2: 50,000 bytes, clean 1.000")))
    assert narrow[start + 1].split() == ["within", "all", "attacks", "white", "box", "black", "box"]
    assert narrow[start + 3].split() == ["0.5/255", *["0.750", "0.30-0.95"] * 3]
    assert narrow[start + 8].split() == ["mean", "0.750", "0.750", "0.750"]
    assert narrow[start + 9].split() == ["points", *["+50.0", "\N{PLUS-MINUS SIGN}56.6"] * 3]
