"""How refined candidates look: printed as tables, as JSON values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dashboards.labels import SUSPECT_NOTE, marked_number
from search.cli.data_notes import data_note
from search.cli.fitted_tables import print_table
from search.cli.synthetic import synthetic_warning
from search.refined import RefinedCandidate, RefinedGroup
from storage.records import StudyRecord
from storage.refinements import RefinementRun

_ACCURACIES = ("clean_accuracy", "robust_accuracy")
_METRICS = (*_ACCURACIES, "size_bytes")


def print_refined(console: Console, study: StudyRecord, groups: Sequence[RefinedGroup]) -> None:
    """Print one table for each number of epochs and of seeds, with the search's own figures and the front of each."""
    if study.is_synthetic:
        console.print(synthetic_warning(), style="red", highlight=False, markup=False, soft_wrap=True)
    for group in groups:
        print_table(console, _table(study, group))
        numbers = ", ".join(str(number) for number in group.front)
        front = f"not dominated on the means: {numbers}" if numbers else "none is feasible on the means"
        console.print(front, highlight=False, soft_wrap=True)
        for candidate in group.candidates:
            _print_doubts(console, candidate)
    if any(_is_suspect(candidate) for group in groups for candidate in group.candidates):
        console.print(f"{SUSPECT_NOTE}, see docs/checks.md", highlight=False, soft_wrap=True)
    console.print(
        "figures of other epochs or numbers of seeds do not compare; the study's front stays that of its own epochs",
        highlight=False,
        soft_wrap=True,
    )


def refined_values(study: StudyRecord, groups: Sequence[RefinedGroup]) -> dict[str, Any]:
    """Return the groups as JSON values, every run with its measurement."""
    return {
        "study": study.name,
        "is_synthetic": study.is_synthetic,
        "data_note": data_note(study),
        "groups": [
            {
                "epochs": group.epochs,
                "seeds": len(group.repeats),
                "front": list(group.front),
                "candidates": [_candidate_values(candidate) for candidate in group.candidates],
            }
            for group in groups
        ],
    }


def _table(study: StudyRecord, group: RefinedGroup) -> Table:
    """Return a table of three lines a candidate: means, range, and what the search measured."""
    seeds = "1 seed" if len(group.repeats) == 1 else f"{len(group.repeats)} seeds"
    title = f"refined candidates of {study.name}: {_epochs(group.epochs)}, {seeds}"
    table = Table(title=Text(title), title_justify="left")
    for heading in ("trial", "", "clean", "robust", "bytes"):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    for candidate in group.candidates:
        number = marked_number(candidate.trial.number, is_suspect=candidate.is_suspect)
        style = "bold" if candidate.trial.number in group.front else None
        table.add_row(number, f"mean of {_runs(candidate)}", *_mean_cells(candidate), style=style)
        if len(candidate.measurements) > 1:
            ranges = [candidate.spread(name) for name in _ACCURACIES]
            table.add_row(
                "", "lowest to highest", *(f"{item.minimum:.3f} to {item.maximum:.3f}" for item in ranges), ""
            )
        own = candidate.trial.measurement
        if own is not None:
            number = marked_number(candidate.trial.number, is_suspect=True) if own.masking_suspect else ""
            accuracies = [f"{own.metric(name):.3f}" for name in _ACCURACIES]
            table.add_row(number, f"search, {_epochs(own.epochs)}", *accuracies, f"{own.size_bytes:,}", style="dim")
        table.add_section()
    return table


def _mean_cells(candidate: RefinedCandidate) -> list[str]:
    if not candidate.measurements:
        return ["-", "-", "-"]
    clean, robust, size = (candidate.spread(name) for name in _METRICS)
    accuracies = [
        f"{item.mean:.3f}" + (f" ±{item.deviation:.3f}" if item.deviation is not None else "")
        for item in (clean, robust)
    ]
    return [*accuracies, f"{size.mean:,.0f}"]


def _runs(candidate: RefinedCandidate) -> str:
    total = len(candidate.runs)
    return f"{total - candidate.n_failed} of {total}" if candidate.n_failed else f"{total}"


def _print_doubts(console: Console, candidate: RefinedCandidate) -> None:
    """Say why a candidate cannot be on the front, whatever its means."""
    for run in candidate.runs:
        reason = run.reason if run.measurement is None else run.measurement.withheld_reason
        if reason is not None:
            what = "failed" if run.measurement is None else "does not count"
            line = f"trial {candidate.trial.number}, seed {run.repeat + 1} {what}: {reason}"
            console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)


def _is_suspect(candidate: RefinedCandidate) -> bool:
    own = candidate.trial.measurement
    return candidate.is_suspect or (own is not None and own.masking_suspect)


def _epochs(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


def _candidate_values(candidate: RefinedCandidate) -> dict[str, Any]:
    own, spreads = candidate.trial.measurement, {}
    if candidate.measurements:
        spreads = {name: asdict(candidate.spread(name)) for name in _METRICS}
    return {
        "trial": candidate.trial.number,
        "masking_suspect": candidate.is_suspect,
        "counts": candidate.counts,
        **{name: spreads.get(name) for name in _METRICS},
        "search": None if own is None else own.to_json(),
        "runs": [_run_values(run) for run in candidate.runs],
    }


def _run_values(run: RefinementRun) -> dict[str, Any]:
    return {
        "repeat": run.repeat,
        "seed": run.seed,
        "measurement": None if run.measurement is None else run.measurement.to_json(),
        "masking_suspect": run.measurement is not None and run.measurement.masking_suspect,
        "reason": run.reason,
        "timings": dict(run.timings),
        "artifacts": dict(run.artifacts),
    }
