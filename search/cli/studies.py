"""`studies`: what the database holds."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from search.cli.consoles import results, write_json
from search.cli.data_notes import data_note, print_data_notes
from search.cli.fitted_tables import print_table
from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption
from search.cli.synthetic import MARK


def studies(storage: StorageOption = DEFAULT_STORAGE, as_json: JsonOption = False) -> None:
    """List the studies of a database."""
    from dashboards.reading import read_snapshot
    from search.bootstrap import open_memory
    from storage.records import TrialState

    repository = open_memory(storage).repository
    snapshots = [read_snapshot(repository, record.name) for record in repository.studies()]
    rows = [
        {
            "name": snapshot.study.name,
            "data": snapshot.study.data["name"],
            "is_synthetic": snapshot.study.is_synthetic,
            "data_note": data_note(snapshot.study),
            "complete": snapshot.count(TrialState.COMPLETE),
            "stopped": snapshot.count(TrialState.STOPPED),
            "failed": snapshot.count(TrialState.FAILED),
            "front_size": len(snapshot.front_numbers),
            "hypervolume": snapshot.revisions[-1].hypervolume,
            "created_at": snapshot.study.created_at.isoformat(timespec="seconds"),
        }
        for snapshot in snapshots
    ]
    if as_json:
        write_json(rows)
        return
    table = Table(title="Studies", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "data", "complete", "stopped", "failed", "front", "hypervolume"):
        # A name may wrap; counts are read from the right.
        is_count = heading not in ("name", "data")
        table.add_column(heading, justify="right" if is_count else "left", no_wrap=is_count)
    for row in rows:
        data = f"{row['data']} {MARK}" if row["is_synthetic"] else str(row["data"])
        counts = [str(row[key]) for key in ("complete", "stopped", "failed", "front_size")]
        table.add_row(Text(str(row["name"])), Text(data), *counts, f"{row['hypervolume']:.5g}")
    print_table(results(), table)
    print_data_notes(results(), [snapshot.study for snapshot in snapshots])
