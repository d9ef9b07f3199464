"""`audit`: how much of a model's robustness is left under attacks that take minutes, on test examples."""

from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.consoles import notices, results, write_json
from search.cli.interrupt import EXIT_INTERRUPTED
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, SelectOption, StorageOption, StudyOption
from search.cli.stop_signals import sigterm_as_ctrl_c

if TYPE_CHECKING:
    from search.audit_setup import AuditOptions
    from search.bootstrap import Memory
    from storage.audits import AuditRecord

_IMAGES = 1000


def audit(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    select: SelectOption = "knee",
    data_dir: DataDirOption = None,
    images: Annotated[
        int | None, typer.Option("--images", min=10, help=f"Test images or recordings, at most; {_IMAGES} without it.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="About a tenth of the work.")] = False,
    show: Annotated[
        bool,
        typer.Option(
            "--show", help="Print a stored audit, that of --images and --quick or the newest; attack nothing."
        ),
    ] = False,
    compare: Annotated[
        str | None, typer.Option("--compare", help="trial:<number>, audited with the same options: a paired test.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Audit a model of a study on test examples; the same command again goes on where it stopped."""
    from search.audit_records import compare_audits, stored_audit
    from search.bootstrap import open_memory
    from search.cli.audit_table import audit_values, comparison_values, print_audit, print_comparison
    from search.cli.data_notes import data_note, print_data_note
    from search.cli.study_names import study_name
    from search.selection import select_trial

    name = study_name(study)
    memory = open_memory(storage)
    record = memory.repository.get_study(name)
    trial = select_trial(memory.repository, name, select)
    other = None if compare is None else select_trial(memory.repository, name, compare)
    if show:
        found = stored_audit(memory.audits, record, trial.number, images=images, quick=quick)
    else:
        from search.audit_setup import AuditOptions

        options = AuditOptions(study=record, trial=trial, data_dir=data_dir, images=images or _IMAGES, quick=quick)
        found = _run(memory, options, as_json=as_json)
    compared = None if other is None else compare_audits(memory.audits, record, found, other.number)
    if as_json:
        values = audit_values(found) | {"data_note": data_note(record)}
        if other is not None and compared is not None:
            values["comparison"] = {"with": other.number, "radii": comparison_values(compared)}
        write_json(values)
        return
    console = results()
    print_audit(console, name, found)
    print_data_note(console, record)
    if other is not None and compared is not None:
        print_comparison(console, found.number, other.number, compared)


def _run(memory: "Memory", options: "AuditOptions", *, as_json: bool) -> "AuditRecord":
    from search.audit_setup import prepare_audit
    from search.cli.audit_progress import AuditDisplay

    console = notices(beside_results=True, is_silent=as_json)
    display = AuditDisplay(console, what=f"trial {options.trial.number}")
    try:
        with sigterm_as_ctrl_c():
            with console.status("preparing data and model"):
                auditor = prepare_audit(memory, options, display)
            with display:
                return auditor.run()
    except KeyboardInterrupt:
        console.print("stopped; the finished attacks are stored, the same command goes on with the next one")
        raise typer.Exit(EXIT_INTERRUPTED) from None
