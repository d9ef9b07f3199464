"""How a front looks: printed as tables, as JSON values, as rows of text."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from dashboards.infos.hypervolume import hypervolume_info
from search.snapshots import read_snapshot
from spaces.objectives import METRICS
from storage.records import TrialRecord
from storage.repository import Repository

_SYNTHETIC = "synthetic data: a dry run of the pipeline, the figures mean nothing"


def print_front(console: Console, repository: Repository, name: str, *, revision: int | None = None) -> None:
    """Print the front as a table, the baselines outside it, and the hypervolume of both.

    Raises:
        SelectionError: no such study or revision.
    """
    snapshot = read_snapshot(repository, name, revision=revision)
    info = hypervolume_info(snapshot)
    step = info.steps[-1]
    front = [snapshot.trial(number) for number in snapshot.front_numbers]
    outside = [snapshot.trial(number) for number in snapshot.measured_baselines if number not in snapshot.front_numbers]
    caption = f"[red]{_SYNTHETIC}[/]" if snapshot.study.is_synthetic else None
    title = f"Pareto front of {name}: {len(front)} trials, revision {step.revision}"
    console.print(_trial_table(front, title=title, caption=caption, baselines=snapshot.baselines))
    if outside:
        title = "baselines that are not on the front"
        console.print(_trial_table(outside, title=title, caption=caption, baselines=snapshot.baselines))
    line = f"hypervolume {step.hypervolume:.6g}"
    if info.baseline_hypervolume is not None:
        line += f"; baselines alone (*, widest bits without and with Jacobian terms) {info.baseline_hypervolume:.6g}"
    console.print(line, highlight=False, soft_wrap=True)


def _trial_table(trials: Sequence[TrialRecord], *, title: str, caption: str | None, baselines: Sequence[int]) -> Table:
    """Return the trials as a table that fits 80 columns; baselines carry a star."""
    table = Table(title=title, caption=caption, title_justify="left")
    for heading in ("trial", "clean", "robust", "bytes", "worst case at each epsilon", "bits w/a", "JR"):
        table.add_column(heading, justify="left" if heading.startswith("worst") else "right")
    for trial in trials:
        measurement = trial.measurement
        if measurement is None:
            continue
        table.add_row(
            f"{trial.number}{'*' if trial.number in baselines else ''}{'?' if measurement.masking_suspect else ''}",
            f"{measurement.clean_accuracy:.3f}",
            f"{measurement.robust_accuracy:.3f}",
            f"{measurement.size_bytes:,}",
            " ".join(f"{value:.2f}" for value in measurement.worst_case),
            _mean_bits(trial),
            f"{sum(policy.jr_weight for policy in trial.candidate.policies.values()):.1e}",
        )
    return table


def _mean_bits(trial: TrialRecord) -> str:
    """Return the mean weight and activation bits over the layers."""
    policies = trial.candidate.policies.values()
    weights = [policy.weight_bits for policy in policies]
    activations = [policy.activation_bits for policy in policies if policy.activation_bits is not None]
    mean_activation = sum(activations) / len(activations) if activations else 0.0
    return f"{sum(weights) / len(weights):.1f}/{mean_activation:.1f}"


def trial_values(trial: TrialRecord) -> dict[str, Any]:
    """Return a trial as JSON values."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "is_feasible": trial.is_feasible,
        "violations": list(trial.violations),
        "reason": trial.reason,
        "seed": trial.seed,
        "candidate": trial.candidate.to_json(),
        "measurement": trial.measurement.to_json() if trial.measurement else None,
        "timings": dict(trial.timings),
    }


def csv_rows(trials: Sequence[TrialRecord]) -> list[list[str]]:
    """Return a header and one row a trial: number, metrics, worst case by epsilon, then every layer's choices."""
    measured = [(trial, trial.measurement) for trial in trials if trial.measurement is not None]
    if not measured:
        return [["trial", *METRICS]]
    first, measurement = measured[0]
    layers = list(first.candidate.policies)
    header = ["trial", *METRICS, *(f"worst_case_at_{epsilon:.6g}" for epsilon in measurement.epsilons)]
    header += [f"{layer}.{field}" for layer in layers for field in ("weight_bits", "activation_bits", "jr_weight")]
    rows = [header]
    for trial, figures in measured:
        row = [str(trial.number), *(repr(getattr(figures, name)) for name in METRICS)]
        row += [repr(value) for value in figures.worst_case]
        for layer in layers:
            policy = trial.candidate.policies[layer]
            bits = "" if policy.activation_bits is None else str(policy.activation_bits)
            row += [str(policy.weight_bits), bits, repr(policy.jr_weight)]
        rows.append(row)
    return rows
