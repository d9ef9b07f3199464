"""`reference`: networks to compare with, audited on a study's test examples like its own trials."""

from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.consoles import notices, results, write_json
from search.cli.interrupt import EXIT_INTERRUPTED
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, StorageOption, StudyOption
from search.cli.stop_signals import sigterm_as_ctrl_c

if TYPE_CHECKING:
    from search.bootstrap import Memory
    from search.reference_setup import ReferenceOptions
    from storage.reference_models import ReferenceRecord

_FAMILIES = "mlcommons-resnet8 (for cifar10), mlcommons-dscnn (speech_commands) or plain-resnet8 (trained here)"


def reference(
    model: Annotated[str, typer.Option("--model", help=f"{_FAMILIES}; its int8 and its float model.")],
    study: StudyOption = "cifar",
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    images: Annotated[
        int, typer.Option("--images", min=10, help="Test images or recordings, at most; as for `audit`.")
    ] = 1000,
    quick: Annotated[bool, typer.Option("--quick", help="About a tenth of the work; as for `audit`.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Audit the models of a family in a study; the same command again goes on where it stopped."""
    from search.bootstrap import open_memory
    from search.cli.data_notes import data_note, print_data_note
    from search.cli.reference_table import print_references, reference_values
    from search.cli.study_names import study_name
    from search.reference_setup import ReferenceOptions

    name = study_name(study)
    memory = open_memory(storage)
    options = ReferenceOptions(
        study=memory.repository.get_study(name), family=model, data_dir=data_dir, images=images, quick=quick
    )
    records = _run(memory, options, quiet=as_json)
    if as_json:
        write_json([reference_values(record) | {"data_note": data_note(options.study)} for record in records])
        return
    print_references(results(), records)
    print_data_note(results(), options.study)


def _run(memory: "Memory", options: "ReferenceOptions", *, quiet: bool) -> "list[ReferenceRecord]":
    from search.cli.reference_progress import STOPPED, ReferenceDisplay
    from search.reference_setup import prepare_references

    console = notices(beside_results=True, is_silent=quiet)
    display = ReferenceDisplay(console, what=options.family)
    records = []
    try:
        with sigterm_as_ctrl_c(), display:
            for audit in prepare_references(memory, options, display):
                display.rename(audit.model.title)
                records.append(audit.auditor.run())
    except KeyboardInterrupt:
        console.print(STOPPED)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    return records
