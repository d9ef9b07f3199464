"""`report`: one self-contained HTML page, or the figures as files for papers."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from search.cli.consoles import notices, write_json
from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption, StudyOption


class ReportFormat(StrEnum):
    """What `--format` takes."""

    HTML = "html"
    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


def report(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The HTML file, report.html by default; a folder for images, figures by default."),
    ] = None,
    trial: Annotated[list[int] | None, typer.Option("--trial", help="A trial for the accuracy curves; repeat.")] = None,
    report_format: Annotated[
        ReportFormat,
        typer.Option("--format", help="A page that works offline, or a file for each figure, drawn by a Chromium."),
    ] = ReportFormat.HTML,
    as_json: JsonOption = False,
) -> None:
    """Write the study's figures as one page that works offline, or as images."""
    from dashboards.reading import read_snapshot
    from search.bootstrap import open_memory
    from search.cli.study_names import study_name

    name = study_name(study)
    memory = open_memory(storage)
    snapshot = read_snapshot(memory.repository, name).with_audits(memory.audits).with_references(memory.references)
    console = notices(beside_results=as_json)
    if report_format is ReportFormat.HTML:
        with console.status("drawing the page"):
            from dashboards.report import write_report

            files = [write_report(snapshot, out or Path("report.html"), chosen=trial)]
    else:
        from dashboards.images import study_figures, write_images

        figures = study_figures(snapshot, chosen=trial)
        with console.status(f"drawing {len(figures)} figures"):
            files = write_images(figures, out or Path("figures"), image_format=report_format.value)
    if as_json:
        write_json({"files": [str(file) for file in files]})
        return
    for file in files:
        console.print(f"wrote {file}", highlight=False, markup=False, soft_wrap=True)
