"""How audited reference models look: a table, JSON values."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dashboards.labels import radius_labels
from search.cli.audit_table import audited_values
from search.cli.fitted_tables import print_table
from spaces.audit import norms_of, radii, worst_case
from spaces.norms import Norm
from storage.reference_models import ReferenceRecord


def print_references(console: Console, records: Sequence[ReferenceRecord]) -> None:
    """Print a table a norm, in each a row a model: bytes, clean accuracy, worst case at each radius."""
    for norm in norms_of(records[0].attacks):
        print_table(console, _table(records, norm))
    if any(record.masking_suspect for record in records):
        console.print(
            "* a masking check fired: the model may be less robust than these figures say",
            highlight=False,
            soft_wrap=True,
        )


def _table(records: Sequence[ReferenceRecord], norm: Norm) -> Table:
    title = f"{records[0].n_examples} test examples, worst case within {norm.value} radius"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("reference", overflow="fold")
    for heading in ("bytes", "clean", *radius_labels(norm, radii(records[0].attacks, norm)), "mean"):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in records:
        worst = worst_case(record.is_right, record.attacks, norm)
        figures = [f"{value:.3f}" for value in (record.clean_accuracy, *worst.accuracy, worst.mean)]
        table.add_row(f"{record.name}{' *' if record.masking_suspect else ''}", f"{record.size_bytes:,}", *figures)
    return table


def reference_values(record: ReferenceRecord) -> dict[str, Any]:
    """Return an audited reference model as JSON values; the matrices stay in the database."""
    return {
        "name": record.name,
        "title": record.title,
        "size_bytes": record.size_bytes,
        "source": dict(record.source),
        "robust_accuracy": record.robust_accuracy,
        **audited_values(record),
    }
