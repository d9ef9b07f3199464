"""The report's part about audits: a table of what was audited, curves, worst cases, paired tests, every attack."""

from collections.abc import Sequence
from math import isinf

from dashboards.figures import plot_audit_curves
from dashboards.infos import (
    AuditComparisonInfo,
    AuditsInfo,
    AuditSummary,
    audit_comparison_info,
    audit_curves_info,
    audits_info,
)
from dashboards.labels import (
    as_sentence,
    format_accuracy,
    format_interval,
    marked_number,
    norm_title,
    radius_labels,
    star,
    whole_test_label,
    with_suspect_note,
)
from dashboards.page_parts import embedded_figure, folded, paragraph, table
from dashboards.snapshot import StudySnapshot
from spaces.audit import AttackOutcome, Comparison
from spaces.norms import Norm
from spaces.statistics import SIGNIFICANCE


def audit_parts(snapshot: StudySnapshot, *, chosen: Sequence[int] | None) -> list[str]:
    """Return the section's HTML; without an audit one sentence that says how to make one.

    Args:
        snapshot: the study as read, with its audits.
        chosen: trials of the figure; None takes up to six of the audited ones.
    """
    info = audits_info(snapshot)
    if info.note:
        return [paragraph(as_sentence(info.note))]
    return [
        _audited_table(info),
        _figure(snapshot, chosen),
        *(_worst_case_table(info, norm) for norm in info.norms),
        *(_comparison_tables(audit_comparison_info(snapshot)) if len(info.audits) > 1 else []),
        *(_attack_tables(audit) for audit in info.audits if audit.attacks),
    ]


def _audited_table(info: AuditsInfo) -> str:
    rows = [
        [
            _trial(audit),
            str(audit.n_examples),
            _effort(audit),
            f"{format_accuracy(audit.clean_accuracy)} ({format_interval(audit.clean_interval)})",
            whole_test_label(audit.whole_test),
            f"{audit.started_at:%Y-%m-%d %H:%M} UTC",
            _fired(audit),
        ]
        for audit in info.audits
    ]
    clean = ("clean accuracy (95% interval)", "clean, whole test split")
    head = ["trial", "test examples", "attacks", *clean, "started", "checks that fired"]
    has_suspects = any(audit.is_suspect for audit in info.audits)
    caption = with_suspect_note("The newest finished audit of every audited trial", has_suspects=has_suspects)
    return table(caption, head, rows, is_numeric=False)


def _trial(audit: AuditSummary) -> str:
    return f"#{marked_number(audit.number, is_suspect=audit.is_suspect)}{' (baseline)' if audit.is_baseline else ''}"


def _effort(audit: AuditSummary) -> str:
    effort = "quick" if audit.is_quick else "full"
    if audit.has_all_attacks:
        return f"{effort}, all {audit.n_attacks}"
    return f"{effort}, partial: {audit.n_attacks} of {audit.n_planned}"


def _fired(audit: AuditSummary) -> str:
    if audit.fired is None:
        return "not computed yet"
    return ", ".join(check.name for check in audit.fired) or "none"


def _figure(snapshot: StudySnapshot, chosen: Sequence[int] | None) -> str:
    info = audit_curves_info(snapshot, chosen)
    if info.note:
        return paragraph(as_sentence(info.note))
    caption = (
        "Audited worst case of all L-inf attacks on test examples, with 95% Wilson intervals; dashed, hollow markers: "
        f"the search's own worst case of the same trial, on {info.n_search_examples} validation examples"
    )
    has_suspects = any(curve.is_suspect for curve in info.curves)
    return embedded_figure(
        plot_audit_curves(info),
        element_id="audits",
        caption=as_sentence(with_suspect_note(caption, has_suspects=has_suspects)),
        is_synthetic=info.is_synthetic,
    )


def _worst_case_table(info: AuditsInfo, norm: Norm) -> str:
    epsilons = info.epsilons(norm)
    rows = []
    for audit in info.audits:
        worst = audit.worst_case(norm)
        if worst is not None:
            cells = {
                epsilon: f"{format_accuracy(accuracy)} ({format_interval(interval)})"
                for epsilon, accuracy, interval in zip(worst.epsilons, worst.accuracy, worst.intervals, strict=True)
            }
            rows.append([_trial(audit), *(cells.get(epsilon, "") for epsilon in epsilons)])
    caption = f"Worst case of all {norm_title(norm)} attacks within each radius; in brackets the 95% Wilson interval"
    return table(caption, ["trial", *radius_labels(norm, epsilons)], rows)


def _comparison_tables(info: AuditComparisonInfo) -> list[str]:
    if info.note:
        return [paragraph(as_sentence(info.note))]
    parts = []
    for norm in info.norms:
        rows = [
            [
                f"#{marked_number(trial.number, is_suspect=trial.is_suspect)}",
                *(_comparison(item) for item in trial.of_norm(norm)),
            ]
            for trial in info.trials
        ]
        caption = (
            f"{info.title}, {norm_title(norm)}: examples that only the trial keeps right : only the baseline, and the "
            f"mid-p value of McNemar's paired test (* below {SIGNIFICANCE:g})"
        )
        parts.append(table(caption, ["trial", *radius_labels(norm, info.epsilons(norm))], rows))
    if info.left_out:
        numbers = ", ".join(f"#{number}" for number in info.left_out)
        parts.append(paragraph(f"Not compared, audited with other settings or not finished: {numbers}."))
    return parts


def _comparison(item: Comparison) -> str:
    return f"{item.only_first} : {item.only_second}, p {item.p_value:.2g}{star(item)}"


def _attack_tables(audit: AuditSummary) -> str:
    tables = [_attack_table(audit, item.norm, item.epsilons) for item in audit.worst_cases]
    return folded(f"Every attack of the audit of {_trial(audit)}", *tables)


def _attack_table(audit: AuditSummary, norm: Norm, epsilons: Sequence[float]) -> str:
    rows = [
        [
            outcome.name,
            str(outcome.n_examples),
            *(format_accuracy(accuracy) for accuracy in outcome.accuracy),
            _distance(outcome),
            f"{outcome.elapsed_s:.0f}",
        ]
        for outcome in audit.attacks
        if outcome.norm is norm
    ]
    head = ["attack", "examples", *radius_labels(norm, epsilons), "median distance", "seconds"]
    caption = (
        f"Accuracy under each {norm_title(norm)} attack, in the order of the audit; that of an attack on what the ones "
        "above have left counts their successes too"
    )
    return table(caption, head, rows)


def _distance(outcome: AttackOutcome) -> str:
    if outcome.median_distance is None:
        return ""
    return "none found" if isinf(outcome.median_distance) else f"{outcome.median_distance:.4f}"
