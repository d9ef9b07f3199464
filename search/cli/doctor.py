"""`doctor`: whether everything that a search needs is there and fits."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from search.cli.consoles import notices, results, write_json
from search.cli.fitted_tables import print_table
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, StorageOption

if TYPE_CHECKING:
    from search.health.finding import Finding

_EXIT_PROBLEM = 1
_STYLES = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}


def doctor(
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at packages, data, database, disk and threads; exit code 1 if something stops the work."""
    from search.health.examination import examine
    from search.health.finding import Status

    console = notices(beside_results=True)
    with console.status("looking; importing TensorFlow takes some seconds"):
        findings = list(examine(storage, data_dir=data_dir))
    is_well = all(finding.status is not Status.PROBLEM for finding in findings)
    if as_json:
        values = {"is_well": is_well, "findings": [asdict(finding) for finding in findings]}
        write_json(values)
    else:
        _print_table(findings)
    if not is_well:
        raise typer.Exit(_EXIT_PROBLEM)


def _print_table(findings: "Sequence[Finding]") -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "status"):
        table.add_column(heading, no_wrap=True)
    table.add_column("found, and the way out", overflow="fold")
    for finding in findings:
        style = _STYLES[finding.status.value]
        # As text: a path or a URL may hold square brackets.
        found = Text(finding.text)
        if finding.advice:
            found.append(f"\n-> {finding.advice}", style="italic")
        table.add_row(finding.what, Text(finding.status.value, style=style), found)
    print_table(results(), table)
