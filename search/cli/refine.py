"""`refine`: chosen candidates trained longer and with several seeds, with mean and spread of what they reach."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.consoles import notices, results, write_json
from search.cli.interrupt import EXIT_INTERRUPTED, StopAfterBatch
from search.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, StorageOption, StudyOption
from search.cli.stop_signals import sigterm_as_ctrl_c
from spaces.errors import SelectionError, SpecError

if TYPE_CHECKING:
    from search.bootstrap import Memory
    from search.refine_setup import RefineOptions
    from storage.records import TrialRecord

_SEEDS = 3


def refine(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    select: Annotated[
        str | None,
        typer.Option("--select", help="front, knee, best:<objective> or trial:<number>; knee, with --show everything."),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Epochs of every training.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help=f"Trainings of each; default {_SEEDS}.")] = None,
    data_dir: DataDirOption = None,
    show: Annotated[bool, typer.Option("--show", help="Print what is stored; train nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train chosen candidates anew, longer and with several seeds; the same command again goes on where it stopped."""
    from search.bootstrap import open_memory
    from search.cli.data_notes import print_data_note
    from search.cli.refine_table import print_refined, refined_values
    from search.cli.study_names import study_name
    from search.refine_setup import RefineOptions
    from search.refined import refined_groups
    from search.selection import select_trials
    from spaces.spec_files import parse_spec

    name = study_name(study)
    memory = open_memory(storage)
    record = memory.repository.get_study(name)
    spec = parse_spec(record.spec, source=f"stored study {name!r}")
    shown: Sequence[TrialRecord] = memory.repository.trials(record.id)
    if show:
        if select is not None:
            shown = select_trials(memory.repository, name, [select])
    elif epochs is None:
        raise SpecError(f"refine needs --epochs; the search trains {spec.training.epochs} in study {name!r}.")
    else:
        chosen, seeds = select_trials(memory.repository, name, [select or "knee"]), seeds or _SEEDS
        options = RefineOptions(study=record, trials=tuple(chosen), epochs=epochs, n_seeds=seeds, data_dir=data_dir)
        _run(memory, options, as_json=as_json)
    runs = memory.refinements.runs(record.id, epochs=epochs)
    groups = refined_groups(shown, runs, spec, n_seeds=seeds)
    if not groups:
        raise SelectionError(
            f"study {name!r} has no such refinement; run `refine --study {name} --select knee --epochs E --seeds K`."
        )
    if as_json:
        write_json(refined_values(record, groups))
    else:
        print_refined(results(), record, groups)
        print_data_note(results(), record)


def _run(memory: "Memory", options: "RefineOptions", *, as_json: bool) -> None:
    from search.cli.refine_progress import RefineProgress
    from search.refine_setup import prepare_refinement

    console = notices(beside_results=True, is_silent=as_json)
    progress = RefineProgress(console)
    with sigterm_as_ctrl_c(), StopAfterBatch(console) as interrupt:
        with console.status("preparing data and study"):
            refiner = prepare_refinement(memory, options, progress, interrupt.is_wanted)
        # Imported here, because it comes with TensorFlow: what is wrong with the selection is said before that.
        from search.training.fit import StopRequestedError

        interrupt.begin_training()
        try:
            with progress:
                refiner.run()
        except StopRequestedError:
            console.print("stopped; the finished runs and epochs are stored, the same command goes on from there")
            raise typer.Exit(EXIT_INTERRUPTED) from None
