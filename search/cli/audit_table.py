"""How an audit looks: printed as tables, as JSON values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dashboards.labels import radius_labels
from search.cli.accuracy_texts import beside_attacked
from search.cli.fitted_tables import print_table
from spaces.audit import AttackOutcome, Comparison, norms_of, radii, worst_case
from spaces.check_result import CheckResult
from spaces.norms import Norm
from storage.audits import AuditRecord
from storage.reference_models import ReferenceRecord

_SCOPE_MARKS = {"survivors": "+", "black_box": "++"}


def print_audit(console: Console, study: str, record: AuditRecord) -> None:
    """Print one table a norm, worst case last, the distances, and the checks."""
    settings = record.settings
    state = "" if record.has_all_attacks else f", {len(record.attacks)} of {settings['n_attacks']} attacks so far"
    console.print(
        f"audit of trial {record.number} of {study}: {len(record.is_right)} test examples"
        f"{', quick' if settings['quick'] else ''}, clean accuracy {record.clean_accuracy:.3f}"
        f"{beside_attacked(record.whole_test)}{state}",
        highlight=False,
        soft_wrap=True,
    )
    for norm in norms_of(record.attacks):
        print_table(console, _norm_table(record, norm))
    distances = [outcome for outcome in record.attacks if outcome.distances is not None]
    if distances:
        print_table(console, _distance_table(distances))
    if record.checks is not None:
        print_table(console, _check_table(record.checks))
    console.print(_check_note(record.checks), highlight=False, soft_wrap=True)


def print_comparison(console: Console, first: int, second: int, comparisons: Sequence[Comparison]) -> None:
    """Print where two models differ under the worst of all attacks."""
    title = f"worst case of trial {first} and trial {second}, same examples"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in ("norm", "epsilon", f"trial {first}", f"trial {second}", "only first", "only second", "mid-p"):
        table.add_column(heading, justify="right")
    for item in comparisons:
        style = "bold" if item.is_significant else None
        accuracies = [f"{value:.3f}" for value in item.accuracies]
        counts = [str(item.only_first), str(item.only_second)]
        table.add_row(item.norm.value, f"{item.epsilon:.4g}", *accuracies, *counts, f"{item.p_value:.3g}", style=style)
    print_table(console, table)


def audit_values(record: AuditRecord) -> dict[str, Any]:
    """Return the audit of a trial as JSON values; the matrices stay in the database."""
    return {"trial": record.number, **audited_values(record)}


def audited_values(record: AuditRecord | ReferenceRecord) -> dict[str, Any]:
    """Return as JSON values what an audit of any model found."""
    return {
        "created_at": record.created_at.isoformat(),
        "is_complete": record.is_complete,
        "n_examples": len(record.is_right),
        "clean_accuracy": record.clean_accuracy,
        "whole_test": None if record.whole_test is None else asdict(record.whole_test),
        "settings": dict(record.settings),
        "worst_case": [asdict(worst_case(record.is_right, record.attacks, norm)) for norm in norms_of(record.attacks)],
        "attacks": [_attack_values(outcome) for outcome in record.attacks],
        "masking_suspect": record.masking_suspect,
        "checks": None if record.checks is None else [check.to_json() for check in record.checks],
    }


def comparison_values(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return a comparison as JSON values."""
    return [asdict(item) for item in comparisons]


def _attack_values(outcome: AttackOutcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "norm": outcome.norm.value,
        "epsilons": list(outcome.epsilons),
        "accuracy": list(outcome.accuracy),
        "n_examples": outcome.n_examples,
        "n_tried": [int(row.sum()) for row in outcome.tried],
        "n_broken": [int(row.sum()) for row in outcome.broken],
        "median_distance": _finite(outcome.median_distance),
        "elapsed_s": outcome.elapsed_s,
        **outcome.details,
    }


def _norm_table(record: AuditRecord, norm: Norm) -> Table:
    summary = worst_case(record.is_right, record.attacks, norm)
    table = Table(title=f"accuracy within {norm.value} radius", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("attack", no_wrap=True)
    table.add_column("examples", justify="right", no_wrap=True)
    for heading in radius_labels(norm, radii(record.attacks, norm)):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    for outcome in record.attacks:
        if outcome.norm is norm:
            table.add_row(
                f"{outcome.name}{_SCOPE_MARKS.get(str(outcome.details.get('scope')), '')}",
                str(outcome.n_examples),
                *(f"{value:.3f}" for value in outcome.accuracy),
                f"{outcome.elapsed_s:.0f}",
            )
    table.add_section()
    worst = [f"{value:.3f}" for value in summary.accuracy]
    table.add_row("worst case", str(len(record.is_right)), *worst, "", style="bold")
    table.add_row("  95% from", "", *(f"{low:.3f}" for low, _ in summary.intervals), "")
    table.add_row("  95% to", "", *(f"{high:.3f}" for _, high in summary.intervals), "")
    table.caption = "+ on what the attacks above have left (++ the black-box ones), which its accuracy includes"
    table.caption_justify = "left"
    return table


def _distance_table(outcomes: Sequence[AttackOutcome]) -> Table:
    table = Table(title="distance to the nearest wrong prediction found", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("attack", "norm", "examples", "median", "none found"):
        table.add_column(heading, justify="left" if heading == "attack" else "right")
    for outcome in outcomes:
        if outcome.distances is not None:
            tried = int(outcome.tried.any(axis=0).sum())
            none_found = int((outcome.distances == float("inf")).sum())
            median = "-" if outcome.median_distance is None else f"{outcome.median_distance:.4g}"
            table.add_row(outcome.name, outcome.norm.value, str(tried), median, str(none_found))
    return table


def _check_table(checks: Sequence[CheckResult]) -> Table:
    table = Table(title="masking checks", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("check", "value", "bound", ""):
        table.add_column(heading, justify="right" if heading in ("value", "bound") else "left")
    for check in sorted(checks, key=lambda check: check.passed):
        name = f"{check.name}{' (precondition)' if check.is_precondition else ''}"
        state = "ok" if check.passed else "FIRED"
        style = None if check.passed else "bold"
        table.add_row(name, f"{check.value:.4g}", f"{check.bound:.4g}", state, style=style)
    return table


def _check_note(checks: Sequence[CheckResult] | None) -> str:
    if checks is None:
        return "masking checks: not computed; they come after all attacks, run the audit again to go on with it"
    n_fired = sum(not check.passed for check in checks)
    if not n_fired:
        return "no masking check fired in this audit"
    count = "1 masking check" if n_fired == 1 else f"{n_fired} masking checks"
    return (
        f"{count} fired: the model may be less robust than these figures say; docs/checks.md tells what each means "
        "and what to do"
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else value
