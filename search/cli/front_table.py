"""How a front looks: printed as tables, as JSON values, as rows of text."""

from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dashboards.fired_checks import fired_checks
from dashboards.infos.hypervolume import hypervolume_info
from dashboards.infos.trial_table import TrialTableInfo, TrialTableRow, trial_table_info
from dashboards.labels import SUSPECT_NOTE, format_jr_weight
from dashboards.snapshot import StudySnapshot
from search.cli.data_notes import data_note, print_data_note
from search.cli.fitted_tables import print_table
from search.cli.synthetic import synthetic_warning
from spaces.objectives import METRICS
from storage.records import StudyRecord, TrialRecord, TrialState

# So that a table fits 80 columns.
_SHORT_HEADINGS = {"clean_accuracy": "clean", "robust_accuracy": "robust", "size_bytes": "bytes", "ram_bytes": "RAM"}


def print_front(console: Console, snapshot: StudySnapshot) -> None:
    """Print the front as a table or why it is empty, the baselines outside it, and the hypervolume of both."""
    info = hypervolume_info(snapshot)
    step = info.steps[-1]
    outside = _baselines_outside(snapshot)
    if snapshot.study.is_synthetic:
        console.print(synthetic_warning(), style="red", highlight=False, markup=False, soft_wrap=True)
    print_data_note(console, snapshot.study)
    if not snapshot.front_numbers:
        console.print(empty_front_words(snapshot), highlight=False, markup=False, soft_wrap=True)
    for table in front_tables(snapshot):
        print_table(console, table)
    shown = {*snapshot.front_numbers, *outside}
    if shown & fired_checks(snapshot).keys():
        console.print(f"{SUSPECT_NOTE}, see docs/checks.md", highlight=False, soft_wrap=True)
    line = f"hypervolume {step.hypervolume:.6g}"
    if info.baseline_hypervolume is not None:
        line += f"; baselines alone (*, widest bits without and with Jacobian terms) {info.baseline_hypervolume:.6g}"
    console.print(line, highlight=False, soft_wrap=True)


def front_tables(snapshot: StudySnapshot) -> list[Table]:
    """Return the front as a table, and the baselines outside it as another; none of those that are empty."""
    tables = []
    front, outside = trial_table_info(snapshot), _baselines_outside(snapshot)
    if front.rows:
        revision = snapshot.revisions[-1].revision
        title = f"Pareto front of {snapshot.study.name}: {len(front.rows)} trials, revision {revision}"
        tables.append(_trial_table(front, title=title))
    if outside:
        baselines = trial_table_info(replace(snapshot, front_numbers=outside))
        tables.append(_trial_table(baselines, title="baselines that are not on the front"))
    return tables


def _baselines_outside(snapshot: StudySnapshot) -> tuple[int, ...]:
    return tuple(number for number in snapshot.measured_baselines if number not in snapshot.front_numbers)


def empty_front_words(snapshot: StudySnapshot) -> str:
    """Return why a front is empty: what became of the trials, and why the first one failed."""
    name = snapshot.study.name
    if any(trial.is_feasible for trial in snapshot.trials):  # the front of an earlier revision
        return f"the Pareto front of {name} is empty at revision {snapshot.revisions[-1].revision}"
    failed = [trial for trial in snapshot.trials if trial.state is TrialState.FAILED]
    n_infeasible = snapshot.count(TrialState.COMPLETE)
    n_stopped = snapshot.count(TrialState.STOPPED)
    words = (
        f"the Pareto front of {name} is empty, because no trial is feasible: {len(failed)} failed, "
        f"{f'{n_stopped} stopped, ' if n_stopped else ''}{n_infeasible} infeasible"
    )
    return f"{words}; trial {failed[0].number} failed: {failed[0].reason}" if failed else words


def _trial_table(info: TrialTableInfo, *, title: str) -> Table:
    """Return the rows as a table that fits 80 columns; baselines carry a star."""
    names = [objective.name for objective in info.objectives]
    table = Table(title=Text(title), title_justify="left", pad_edge=False)
    table.add_column("trial", justify="right", no_wrap=True)
    for name in names:
        table.add_column(_SHORT_HEADINGS.get(name, name), justify="right", no_wrap=True)
    table.add_column("worst case at each epsilon")  # wraps where the terminal is narrow
    table.add_column("bits w/a", justify="right", no_wrap=True)
    table.add_column("JR", justify="right", no_wrap=True)
    for row in info.rows:
        table.add_row(
            f"{row.number}{'*' if row.is_baseline else ''}{'?' if row.is_suspect else ''}",
            *(_cell(name, value) for name, value in zip(names, row.values, strict=True)),
            " ".join(f"{value:.2f}" for value in row.worst_case),
            _mean_bits(row),
            format_jr_weight(row.jr_total),
        )
    return table


def _cell(name: str, value: float) -> str:
    return f"{value:.3f}" if name.endswith("_accuracy") else f"{value:,.0f}"


def _mean_bits(row: TrialTableRow) -> str:
    activation = "-" if row.mean_activation_bits is None else f"{row.mean_activation_bits:.1f}"
    return f"{row.mean_weight_bits:.1f}/{activation}"


def front_values(snapshot: StudySnapshot) -> list[dict[str, Any]]:
    """Return the trials of the front as JSON values."""
    fired = fired_checks(snapshot)
    return [
        _trial_values(snapshot.study, snapshot.trial(number), is_suspect=number in fired)
        for number in snapshot.front_numbers
    ]


def _trial_values(study: StudyRecord, trial: TrialRecord, *, is_suspect: bool) -> dict[str, Any]:
    return {
        "number": trial.number,
        "is_synthetic": study.is_synthetic,
        "data_note": data_note(study),
        "state": trial.state.value,
        "is_feasible": trial.is_feasible,
        "masking_suspect": is_suspect,
        "violations": list(trial.violations),
        "reason": trial.reason,
        "seed": trial.seed,
        "candidate": trial.candidate.to_json(),
        "measurement": trial.measurement.to_json() if trial.measurement else None,
        "timings": dict(trial.timings),
    }


def csv_rows(snapshot: StudySnapshot) -> list[list[str]]:
    """Return a header and one row a trial of the front: number, metrics, mark, worst cases, every layer's choices."""
    fired, study = fired_checks(snapshot), snapshot.study
    trials = [snapshot.trial(number) for number in snapshot.front_numbers]
    measured = [(trial, trial.measurement) for trial in trials if trial.measurement is not None]
    header = ["trial", "is_synthetic", "data_note", *METRICS, "masking_suspect"]
    if not measured:
        return [header]
    first, measurement = measured[0]
    layers = list(first.candidate.policies)
    header += [f"worst_case_at_{epsilon:.6g}" for epsilon in measurement.epsilons]
    header += [f"{layer}.{field}" for layer in layers for field in ("weight_bits", "activation_bits", "jr_weight")]
    rows = [header]
    for trial, figures in measured:
        row = [str(trial.number), str(study.is_synthetic).lower(), study.data_note]
        row += [repr(getattr(figures, name)) for name in METRICS]
        row.append(str(trial.number in fired).lower())
        row += [repr(value) for value in figures.worst_case]
        for layer in layers:
            policy = trial.candidate.policies[layer]
            bits = "" if policy.activation_bits is None else str(policy.activation_bits)
            row += [str(policy.weight_bits), bits, repr(policy.jr_weight)]
        rows.append(row)
    return rows
