"""The report's part about reference models: for each a figure, who is better at which size, and every attack."""

from collections.abc import Sequence

from dashboards.figures.reference_comparison import plot_reference_comparison
from dashboards.infos.compared_models import AttackedView, ComparedModel, ReferenceComparisonInfo
from dashboards.infos.reference_comparison import reference_comparison_info
from dashboards.labels import (
    epsilon_labels,
    format_accuracy,
    format_gain,
    format_interval,
    norm_title,
    radius_labels,
    star,
    whole_test_label,
)
from dashboards.page_parts import embedded_figure, folded, paragraph, table
from dashboards.snapshot import StudySnapshot
from spaces.statistics import SIGNIFICANCE


def reference_parts(snapshot: StudySnapshot) -> list[str]:
    """Return the section's HTML; without a reference one sentence that says how to get one."""
    if not snapshot.references:
        return [
            paragraph(
                "No reference model is audited in this study; python -m search reference --study "
                f"{snapshot.study.name} --model NAME does it, on the same examples as the study's own audits."
            )
        ]
    parts: list[str] = []
    for record in snapshot.references:
        info = reference_comparison_info(snapshot, record.name)
        parts += _parts(info, is_synthetic=snapshot.study.is_synthetic)
    return parts


def _parts(info: ReferenceComparisonInfo, *, is_synthetic: bool) -> list[str]:
    figure = embedded_figure(
        plot_reference_comparison(info, is_synthetic=is_synthetic),
        element_id=f"reference-{info.reference.label}",
        caption=f"{info.title} and the most robust audited models of at most its size and a quarter of it.",
        is_synthetic=is_synthetic,
    )
    parts = [
        figure,
        _table(info, info.as_large, f"At most as large as {info.title}"),
        _table(info, info.a_quarter, f"At most a quarter as large as {info.title}"),
        folded(f"Every L-inf attack beside {info.title}", _attack_table(info)),
        *(folded(f"Other norms beside {info.title}", *others) for others in [_norm_tables(info)] if others),
    ]
    doubts = [f"{model.label}: {line}" for model in info.rows for line in model.doubts]
    if doubts:
        parts.append(paragraph(f"? {'; '.join(doubts)}."))
    if info.left_out:
        numbers = ", ".join(f"#{number}" for number in info.left_out)
        parts.append(paragraph(f"Of the front, without a finished audit of the same examples and attacks: {numbers}."))
    return parts


def _table(info: ReferenceComparisonInfo, models: Sequence[ComparedModel], caption: str) -> str:
    rows = [_row(model, view) for model in (info.reference, *models) for view in model.views]
    labels = epsilon_labels(info.epsilons)
    clean = ("clean (95% interval)", "clean, whole test split")
    head = ["model", "bytes", *clean, "worst case of", *labels, "mean", "points more"]
    full = (
        f"{caption}: worst case within each L-inf radius on {info.n_examples} test examples, in brackets its 95% "
        f"Wilson interval, behind the points that of the paired difference; * the reference keeps other examples right "
        f"(McNemar's mid-p below {SIGNIFICANCE:g})"
    )
    return table(full, head, rows)


def _row(model: ComparedModel, view: AttackedView) -> list[str]:
    clean = f"{format_accuracy(model.clean_accuracy)} ({format_interval(model.clean_interval)})"
    return [
        model.marked_label,
        f"{model.size_bytes:,}",
        f"{clean}{star(model.clean_comparison)}",
        whole_test_label(model.whole_test),
        view.name,
        *_cells(view),
        format_accuracy(view.mean),
        format_gain(view.mean_gain, view.gain_interval),
    ]


def _cells(view: AttackedView) -> list[str]:
    """Return the accuracy at each radius with its interval and its star."""
    return [
        f"{format_accuracy(value)} ({format_interval(interval)}){mark}"
        for value, interval, mark in zip(view.accuracy, view.intervals, view.stars, strict=True)
    ]


def _attack_table(info: ReferenceComparisonInfo) -> str:
    rows = [
        [model.marked_label, view.name, str(view.n_examples), *_cells(view)]
        for model in info.rows
        for view in model.attacks
    ]
    caption = (
        "Accuracy under each attack with its 95% Wilson interval; that of one on what others have left counts their "
        "successes too, and that of a slow one refers to fewer examples; * McNemar's mid-p against the reference below "
        f"{SIGNIFICANCE:g}"
    )
    return table(caption, ["model", "attack", "examples", *epsilon_labels(info.epsilons)], rows)


def _norm_tables(info: ReferenceComparisonInfo) -> list[str]:
    """Return a table of the worst cases for each norm beyond L-inf."""
    tables = []
    for position, theirs in enumerate(info.reference.beyond):
        views = [(model.marked_label, model.beyond[position]) for model in info.rows]
        rows = [
            [label, *_cells(view), format_accuracy(view.mean), format_gain(view.mean_gain, view.gain_interval)]
            for label, view in views
        ]
        head = ["model", *radius_labels(theirs.norm, theirs.epsilons), "mean", "points more"]
        tables.append(table(f"Worst case of all {norm_title(theirs.norm)} attacks", head, rows))
    return tables
