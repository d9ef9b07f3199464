"""What a person sees of an export: the trial's figures, and one row a format."""

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from search.cli.fitted_tables import print_table
from search.cli.synthetic import synthetic_warning
from storage.records import StudyRecord, TrialRecord


def print_exported(console: Console, study: StudyRecord, trial: TrialRecord, folder: Path) -> None:
    """Print what was exported, from the manifest that was written."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    figures = trial.measurement
    if figures is not None:
        marked = f" ({synthetic_warning()})" if study.is_synthetic else ""
        console.print(
            f"trial {trial.number}: clean {figures.clean_accuracy:.4f}, robust {figures.robust_accuracy:.4f}, "
            f"{figures.size_bytes:,} bytes{marked}",
            highlight=False,
            soft_wrap=True,
        )
    _print_table(console, manifest)
    console.print(f"exported and checked: {folder}", highlight=False, markup=False, soft_wrap=True)


def exported_values(folder: Path) -> dict[str, Any]:
    """Return where an export lies, and the figures of its manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    kept = {key: manifest[key] for key in ("study", "trial", "trained_figures", "cost", "formats")}
    return {"folder": str(folder), **kept}


def _print_table(console: Console, manifest: dict[str, Any]) -> None:
    trained = manifest["trained_figures"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=f"on {trained['n_examples']} test examples")
    table.add_column("network", no_wrap=True)
    for heading in ("clean", "robust", "as trained", "bytes"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [("trained", trained, manifest["cost"]["size_bytes"])]
    rows += [(name, item["figures"], item["deployed_bytes"]) for name, item in manifest["formats"].items()]
    for name, figures, size_bytes in rows:
        values = ["clean_accuracy", "robust_accuracy", "argmax_agreement"]
        cells = ["-"] * len(values) if figures is None else [f"{figures[key]:.4f}" for key in values]
        table.add_row(name, *cells, "-" if size_bytes is None else f"{size_bytes:,}")
    print_table(console, table)
