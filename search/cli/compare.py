"""`compare`: the front beside a model that others published, at its size and at a quarter of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.consoles import notices, results, write_json
from search.cli.interrupt import EXIT_INTERRUPTED
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, StorageOption, StudyOption
from search.cli.stop_signals import sigterm_as_ctrl_c

if TYPE_CHECKING:
    from search.bootstrap import Memory


def compare(
    reference: Annotated[str, typer.Option("--reference", help="An audited reference, e.g. mlcommons-resnet8.")],
    study: StudyOption = "cifar",
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    images: Annotated[
        int | None,
        typer.Option(
            "--images", min=10, help="Audit what lacks an audit of so many test examples, reference and front."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="With --images: about a tenth of the work.")] = False,
    show: Annotated[
        bool, typer.Option("--show", help="With --images: choose among the stored audits; attack nothing.")
    ] = False,
    at: Annotated[int | None, typer.Option("--at", help="Revision of the front; without it, the latest.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show accuracy under white-box and black-box attacks beside a reference, with intervals and paired tests."""
    from dashboards.infos.reference_comparison import reference_comparison_info, stored_audit_key
    from dashboards.reading import read_snapshot
    from search.bootstrap import open_memory
    from search.cli.compare_table import comparison_values, print_comparison
    from search.cli.data_notes import data_note, print_data_note
    from search.cli.study_names import study_name
    from spaces.errors import SpecError

    if quick and images is None:
        raise SpecError("--quick chooses audits together with --images N; give that too, or leave --quick out.")
    name = study_name(study)
    memory = open_memory(storage)
    key = None
    if images is not None and not show:
        key = _audit_missing(
            memory, name, reference, revision=at, data_dir=data_dir, images=images, quick=quick, quiet=as_json
        )
    snapshot = (
        read_snapshot(memory.repository, name, revision=at)
        .with_audits(memory.audits)
        .with_references(memory.references)
    )
    if images is not None and show:
        key = stored_audit_key(snapshot, reference, n_examples=images, is_quick=quick)
    info = reference_comparison_info(snapshot, reference, key=key)
    if as_json:
        write_json(comparison_values(info) | {"data_note": data_note(snapshot.study)})
        return
    print_comparison(results(), name, info)
    print_data_note(results(), snapshot.study)


def _audit_missing(
    memory: "Memory",
    study: str,
    reference: str,
    *,
    revision: int | None,
    data_dir: Path | None,
    images: int,
    quick: bool,
    quiet: bool,
) -> str | None:
    """Run the audits of the reference and of the front that are not finished; what is stored is not run again.

    Returns the key of the reference's audit.
    """
    from search.audit_setup import AuditOptions, prepare_audit
    from search.cli.reference_progress import STOPPED, ReferenceDisplay
    from search.reference_setup import ReferenceOptions, prepare_references
    from search.references import family_of

    console = notices(beside_results=True, is_silent=quiet)
    record = memory.repository.get_study(study)
    members = memory.repository.front(record.id, revision=revision)
    options = ReferenceOptions(study=record, family=family_of(reference), data_dir=data_dir, images=images, quick=quick)
    display = ReferenceDisplay(console, what=reference)
    key = None
    try:
        with sigterm_as_ctrl_c(), display:
            for audit in prepare_references(memory, options, display):
                if audit.model.name == reference:
                    key = audit.auditor.run().key
            for trial in members:
                display.rename(f"trial {trial.number}")
                own = AuditOptions(study=record, trial=trial, data_dir=data_dir, images=images, quick=quick)
                prepare_audit(memory, own, display).run()
    except KeyboardInterrupt:
        console.print(STOPPED)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return key
