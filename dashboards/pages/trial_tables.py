"""The tables of a trial's page."""

from collections.abc import Mapping, Sequence

from dash.development.base_component import Component

from dashboards.fired_checks import Suite, all_checks
from dashboards.infos.comparison import layer_bytes
from dashboards.labels import format_accuracy, format_check, format_jr_weight, norm_title, radius_labels
from dashboards.pages.parts import Content, note, table
from dashboards.snapshot import StudySnapshot
from spaces.audit import norms_of, worst_case
from storage.records import TrialRecord
from storage.refinements import RefinementRun
from storage.rungs import RungRecord


def layers(trial: TrialRecord) -> Component:
    """Return what the trial chose for every layer, with the bytes that it costs."""
    sizes = layer_bytes(trial)
    rows: list[list[Content]] = [
        [
            name,
            f"{policy.weight_bits}",
            policy.weight_quantizer.value,
            "—" if policy.activation_bits is None else f"{policy.activation_bits}",
            format_jr_weight(policy.jr_weight),
            f"{sizes[name]:,}" if name in sizes else "—",
        ]
        for name, policy in trial.candidate.policies.items()
    ]
    head = ["layer", "weight bits", "quantizer", "act. bits", "Jacobian weight", "bytes"]
    return table("Choices of the search", head, rows)


def checks(snapshot: StudySnapshot, trial: TrialRecord) -> list[Component]:
    """Return every check of the search and of the audits, those that fired marked."""
    found = [("search", check) for check in (trial.measurement.checks if trial.measurement else ())]
    found += [("audit", check) for check in all_checks(snapshot).get((trial.number, Suite.AUDIT), ())]
    if not found:
        return [note("The trial has no checks, as it was not measured.")]
    found.sort(key=lambda item: item[1].passed)  # what fired stands first
    n_fired = sum(not check.passed for _, check in found)
    said = "No check fired." if n_fired == 0 else f"{n_fired} fired: the robust accuracy is not to be trusted."
    rows: list[list[Content]] = [
        [check.name.replace("_", " "), suite, format_check(check), "passed" if check.passed else "fired"]
        for suite, check in found
    ]
    marked = frozenset((row, 3) for row, (_, check) in enumerate(found) if not check.passed)
    return [
        note(said),
        table("Value and, in brackets, bound", ["check", "of the", "value", "result"], rows, marked=marked),
    ]


def audits(snapshot: StudySnapshot, number: int) -> list[Component]:
    """Return the newest finished audit of the trial: worst cases on test examples, by norm and radius."""
    record = snapshot.latest_audits.get(number)
    if record is None:
        command = f"python -m search audit --study {snapshot.study.name} --select trial:{number}"
        return [note(f"Not audited. An audit attacks the stored model for minutes, on test examples: {command}")]
    parts: list[Component] = []
    for norm in norms_of(record.attacks):
        worst = worst_case(record.is_right, record.attacks, norm)
        rows: list[list[Content]] = [
            [label, format_accuracy(value), f"{low:.1%} to {high:.1%}"]
            for label, value, (low, high) in zip(
                radius_labels(norm, worst.epsilons), worst.accuracy, worst.intervals, strict=True
            )
        ]
        caption = f"Audit in {norm_title(norm)} on {len(record.is_right)} test examples, {record.created_at:%Y-%m-%d}"
        parts.append(table(caption, ["radius", "worst case", "95% interval"], rows))
    return parts or [note("An audit has begun; no attack is finished yet.")]


def runs(refinements: Sequence[RefinementRun]) -> list[Component]:
    """Return the refinements of the trial: trained anew, with other epochs and seeds."""
    if not refinements:
        return [note("Not refined.")]
    rows: list[list[Content]] = [
        [
            f"{run.epochs} epochs, seed {run.repeat}",
            *(
                ("—", "—", run.reason or "failed")
                if run.measurement is None
                else (
                    format_accuracy(run.measurement.clean_accuracy),
                    format_accuracy(run.measurement.robust_accuracy),
                    "kept" if run.artifacts else "",
                )
            ),
        ]
        for run in refinements
    ]
    return [table("Refinements", ["run", "clean", "robust", "model"], rows)]


def rungs(records: Sequence[RungRecord]) -> Component:
    """Return what the trial measured at the rungs, and what was decided."""
    rows: list[list[Content]] = [
        [
            f"{record.rung}",
            f"{record.measurement.epochs}",
            format_accuracy(record.measurement.clean_accuracy),
            format_accuracy(record.measurement.robust_accuracy),
            "went on" if record.goes_on else "stopped",
        ]
        for record in records
    ]
    return table("Rungs that the trial reached", ["rung", "epochs", "clean", "robust", "decision"], rows)


def files(digests: Mapping[str, str]) -> Component:
    """Return the stored files by name and digest."""
    if not digests:
        return note("No file is stored: models of trials that left the front are removed.")
    rows: list[list[Content]] = [[name, digest] for name, digest in digests.items()]
    return table("Stored files", ["file", "SHA-256"], rows, is_numeric=False)
