"""One self-contained HTML page about a study: it works offline, and every text of the study is escaped."""

import os
from collections.abc import Sequence
from pathlib import Path

from dashboards.audit_section import audit_parts
from dashboards.figures import (
    plot_attack_curves,
    plot_hypervolume,
    plot_layer_choices,
    plot_pareto_front_3d,
    plot_pareto_projections,
    plot_robustness_curves,
)
from dashboards.figures.frame import SYNTHETIC_WARNING
from dashboards.infos import (
    check_table_info,
    hypervolume_info,
    layer_choices_info,
    pareto_front_info,
    robustness_curves_info,
    trial_table_info,
)
from dashboards.labels import (
    as_sentence,
    epsilon_labels,
    format_accuracy,
    format_check,
    format_jr_weight,
    format_metric,
    marked_number,
    metric_title,
    metric_title_with_direction,
    with_suspect_note,
)
from dashboards.page_parts import banner, embedded_figure, facts, heading, page, paragraph, section, table
from dashboards.reference_section import reference_parts
from dashboards.snapshot import StudySnapshot
from spaces.errors import ExportError
from storage.records import StudyRecord, TrialState


def write_report(snapshot: StudySnapshot, path: Path, *, chosen: Sequence[int] | None = None) -> Path:
    """Write the report and return its path; an older report stays until the new one is complete.

    Args:
        snapshot: the study as read.
        path: the file to write; its folder must exist.
        chosen: trials of the robustness curves; None takes the baselines and up to five of the front.

    Raises:
        ExportError: the file cannot be written.
        SelectionError: a chosen trial does not exist.
    """
    text = report_html(snapshot, chosen=chosen)
    if not path.parent.is_dir():
        raise ExportError(f"the report cannot be written to {path}: folder {path.parent} does not exist; create it.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # A reason may hold bytes that were never text; they are shown, not a cause to fail.
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(part, path)
    except OSError as error:
        raise ExportError(f"the report cannot be written to {path}: {error.strerror}; choose another file.") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def report_html(snapshot: StudySnapshot, *, chosen: Sequence[int] | None = None) -> str:
    """Return the report as one HTML page."""
    study = snapshot.study
    body = [
        f"<header>\n{heading(f'Study {study.name}')}",
        banner(SYNTHETIC_WARNING) if study.is_synthetic else "",
        "</header>\n",
        section("Study", facts(_facts(snapshot))),
        section("Front", _front_table(snapshot)),
        section("Checks that fired", *_check_table(snapshot)),
        section("Objectives of all complete trials", *_pareto_figures(snapshot)),
        section("Choices per layer", _layer_choices_figure(snapshot)),
        section("Progress of the search", _hypervolume_figure(snapshot)),
        section("Accuracy under attack", *_robustness_figures(snapshot, chosen)),
        section("Audits on test examples", *audit_parts(snapshot, chosen=chosen)),
        section("Reference models", *reference_parts(snapshot)),
        section("Stopped, failed and refused trials", _failures(snapshot)),
    ]
    return page(title=f"Study {study.name}", body="".join(body))


def _data_fact(study: StudyRecord) -> str:
    fingerprint = str(study.data.get("fingerprint", "unknown"))[:12]
    facts = (str(study.data.get("name", "unnamed")), study.data_note, f"fingerprint {fingerprint}")
    return ", ".join(fact for fact in facts if fact)


def _facts(snapshot: StudySnapshot) -> list[tuple[str, str]]:
    study, spec = snapshot.study, snapshot.spec
    counts = ", ".join(f"{snapshot.count(state)} {state.value}" for state in TrialState)
    last = max(snapshot.revisions, key=lambda record: record.revision, default=None)
    finished = [trial.finished_at for trial in snapshot.trials if trial.finished_at is not None]
    objectives = (
        f"{metric_title_with_direction(item.name)} (reference {format_metric(item.name, item.reference)})"
        for item in spec.objective_values()
    )
    return [
        ("Data", _data_fact(study)),
        ("Trials", f"{counts}; budget {spec.budget.trials}"),
        ("Front", f"{last.size} trials after revision {last.revision}" if last else "no history yet"),
        ("Hypervolume", f"{last.hypervolume:,.6g}" if last else "none yet"),
        ("Objectives", ", ".join(objectives)),
        ("Constraints", ", ".join(map(str, spec.constraint_values())) or "none"),
        ("Epsilon grid (L-inf)", ", ".join(epsilon_labels(spec.robustness.epsilons))),
        ("Attack subset", f"{spec.data.attack_examples} examples"),
        ("Seed", str(spec.seed)),
        ("Specification", study.spec_fingerprint[:12]),
        ("Versions", ", ".join(f"{name} {version}" for name, version in study.versions.items()) or "not recorded"),
        ("Started", f"{study.created_at:%Y-%m-%d %H:%M} UTC"),
        ("Last trial finished", f"{max(finished):%Y-%m-%d %H:%M} UTC" if finished else "none yet"),
    ]


def _front_table(snapshot: StudySnapshot) -> str:
    info = trial_table_info(snapshot)
    if info.note:
        return paragraph(as_sentence(info.note))
    names = [objective.name for objective in info.objectives]
    head = [
        "trial",
        *(metric_title_with_direction(name) for name in names),
        *(f"worst case at {label}" for label in info.epsilon_labels),
        "mean weight bits",
        "mean activation bits",
        "JR total",
    ]
    rows = [
        [
            f"#{marked_number(row.number, is_suspect=row.is_suspect)}{' (baseline)' if row.is_baseline else ''}",
            *(format_metric(name, value) for name, value in zip(names, row.values, strict=True)),
            *(format_accuracy(value) for value in row.worst_case),
            f"{row.mean_weight_bits:.1f}",
            "none" if row.mean_activation_bits is None else f"{row.mean_activation_bits:.1f}",
            format_jr_weight(row.jr_total),
        ]
        for row in info.rows
    ]
    caption = "The front; bits are means over layers, JR total is the sum of the layers' Jacobian weights"
    return table(with_suspect_note(caption, has_suspects=any(row.is_suspect for row in info.rows)), head, rows)


def _check_table(snapshot: StudySnapshot) -> list[str]:
    info = check_table_info(snapshot)
    explained = (
        "A check looks for signs that a robust accuracy is not to be trusted. A failed precondition withholds the "
        "score: the trial is infeasible. Every other check that fires makes the trial a masking suspect, marked by a "
        "question mark behind its number. docs/checks.md says for each check what it means and what to do."
    )
    if info.note:
        return [paragraph(as_sentence(info.note)), paragraph(explained)]
    head = [
        "trial",
        "suite",
        *(f"{name}{' (precondition)' if name in info.preconditions else ''}" for name in info.checks),
    ]
    rows = [
        [
            f"#{marked_number(row.number, is_suspect=True)}{' (baseline)' if row.is_baseline else ''}",
            row.suite.value,
            *("" if check is None else format_check(check) for check in row.fired),
        ]
        for row in info.rows
    ]
    caption = f"Value and, in brackets, bound of every check that fired; {info.n_checked} trials were checked"
    return [table(caption, head, rows), paragraph(explained)]


def _pareto_figures(snapshot: StudySnapshot) -> list[str]:
    info = pareto_front_info(snapshot)
    if info.note:
        return [paragraph(as_sentence(info.note))]
    caption = f"{info.title}. Hollow markers are infeasible; squares and diamonds are the baselines."
    if any(point.is_suspect for point in info.points):
        caption += " A ring marks a masking suspect: a check fired."
    figures = []
    if len(info.objectives) >= 3:
        names = ", ".join(metric_title(objective.name) for objective in info.objectives[:3])
        figures.append(
            embedded_figure(
                plot_pareto_front_3d(info),
                element_id="pareto-3d",
                caption=f"{caption} Axes: {names}. Drag to turn.",
                is_synthetic=info.is_synthetic,
                height="clamp(430px, 100vw, 580px)",
            )
        )
        caption = "Every pair of objectives. A front point inside a cloud is better in an objective not shown there."
    for css_class, n_columns in (("wide-only", 3), ("narrow-only", 1)):
        figures.append(
            embedded_figure(
                plot_pareto_projections(info, n_columns=n_columns),
                element_id=f"pareto-pairs-{css_class}",
                caption=caption,
                is_synthetic=info.is_synthetic,
                css_class=css_class,
            )
        )
    return figures


def _layer_choices_figure(snapshot: StudySnapshot) -> str:
    info = layer_choices_info(snapshot)
    if info.note:
        return paragraph(as_sentence(info.note))
    caption = f"{info.title}. Grey: no such choice. A Jacobian weight of 0 has its own colour"
    return embedded_figure(
        plot_layer_choices(info),
        element_id="layer-choices",
        caption=as_sentence(with_suspect_note(caption, has_suspects=any(info.fired))),
        is_synthetic=info.is_synthetic,
        min_width_px=230 + 34 * len(info.trial_numbers),
    )


def _hypervolume_figure(snapshot: StudySnapshot) -> str:
    info = hypervolume_info(snapshot)
    if info.note:
        return paragraph(as_sentence(info.note))
    caption = f"{info.title} after every change, and the number of its members"
    return embedded_figure(
        plot_hypervolume(info),
        element_id="hypervolume",
        caption=as_sentence(with_suspect_note(caption, has_suspects=bool(info.suspect_baselines))),
        is_synthetic=info.is_synthetic,
    )


def _robustness_figures(snapshot: StudySnapshot, chosen: Sequence[int] | None) -> list[str]:
    info = robustness_curves_info(snapshot, chosen)
    if info.note:
        return [paragraph(as_sentence(info.note))]
    left_out = f" Not measured: {', '.join(f'#{number}' for number in info.left_out)}." if info.left_out else ""
    has_suspects = any(curve.is_suspect for curve in info.curves)
    caption = f"Worst case of all attacks on {info.n_examples} examples; bands: 95% Wilson intervals"
    figures = [
        embedded_figure(
            plot_robustness_curves(info),
            element_id="robustness",
            caption=f"{as_sentence(with_suspect_note(caption, has_suspects=has_suspects))}{left_out}",
            is_synthetic=info.is_synthetic,
        )
    ]
    if info.attacks:
        caption = "Accuracy under each attack alone, run on every example that is classified right"
        figures += [
            embedded_figure(
                plot_attack_curves(info, n_columns=n_columns),
                element_id=f"attacks-{css_class}",
                caption=as_sentence(with_suspect_note(caption, has_suspects=has_suspects)),
                is_synthetic=info.is_synthetic,
                css_class=css_class,
            )
            for css_class, n_columns in (("wide-only", 3), ("narrow-only", 1))
        ]
    return figures


def _failures(snapshot: StudySnapshot) -> str:
    ended = (TrialState.STOPPED, TrialState.FAILED, TrialState.REFUSED)
    unmeasured = [trial for trial in snapshot.trials if trial.state in ended]
    if not unmeasured:
        return paragraph("None.")
    rows = [[f"#{trial.number}", trial.state.value, trial.reason or "no reason recorded"] for trial in unmeasured]
    return table("Trials that did not come to a result", ["trial", "state", "reason"], rows, is_numeric=False)
