"""`report`: one self-contained HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from search.cli.consoles import notices
from search.cli.options import DEFAULT_STORAGE, StorageOption, StudyOption


def report(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")] = Path("report.html"),
    trial: Annotated[list[int] | None, typer.Option("--trial", help="A trial for the accuracy curves; repeat.")] = None,
) -> None:
    """Write the study's figures as one page that works offline."""
    from dashboards.report import write_report
    from search.bootstrap import open_memory
    from search.cli.study_names import study_name
    from search.snapshots import read_snapshot

    name = study_name(study)
    memory = open_memory(storage)
    snapshot = read_snapshot(memory.repository, name).with_audits(memory.audits)
    path = write_report(snapshot, out, chosen=trial)
    notices().print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)
