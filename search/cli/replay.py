"""`replay`: the decisions of early stopping again, and what stopping would have saved and lost in a watched study."""

from typing import TYPE_CHECKING, Any

import typer

from search.cli.consoles import results, write_json
from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption, StudyOption
from spaces.errors import SelectionError

if TYPE_CHECKING:
    from search.stopping_replay import StudyReplay
    from search.study_replay import DecisionsReplay

_EXIT_WRONG = 1


def replay(
    study: StudyOption = "digits", storage: StorageOption = DEFAULT_STORAGE, as_json: JsonOption = False
) -> None:
    """Decide again at every rung; of a watched study say what stopping would have saved and lost."""
    from search.bootstrap import open_memory
    from search.cli.study_names import study_name
    from search.study_replay import replay_decisions, replay_stopping
    from spaces.spec_files import parse_spec

    name = study_name(study)
    memory = open_memory(storage)
    record = memory.repository.get_study(name)
    spec = parse_spec(record.spec, source=f"stored study {name!r}")
    rungs = memory.rungs.rungs(record.id)
    if not rungs:
        raise SelectionError(
            f"study {name!r} has no decisions to replay: its early stopping is {spec.early_stopping.mode!r} and no "
            "trial has reached a rung. Launch a study with --early-stopping watch or rungs."
        )
    decisions = replay_decisions(rungs, spec)
    stopping = replay_stopping(memory.repository.trials(record.id), rungs, spec)
    if as_json:
        write_json(_values(name, spec.early_stopping.mode, decisions, stopping))
    else:
        for line in _lines(name, spec.early_stopping.mode, decisions, stopping):
            results().print(line, markup=False, soft_wrap=True)
    if decisions.differing:
        raise typer.Exit(_EXIT_WRONG)


def _lines(name: str, mode: str, decisions: "DecisionsReplay", stopping: "StudyReplay | None") -> list[str]:
    count, n_differing = decisions.n_decisions, len(decisions.differing)
    lines = [f"study {name}: {count - n_differing} of {count} decisions come out as they are stored"]
    lines += [
        f"trial {number} at rung {rung}: the stored decision does not hold" for number, rung in decisions.differing
    ]
    if stopping is not None:
        lines.append(
            f"stopping would have ended {len(stopping.stopped)} of {stopping.n_trials} trainings early, "
            f"taken {stopping.epochs_spent} epochs instead of {stopping.epochs_full} ({stopping.times_saved:.2f} times "
            f"fewer) and lost {stopping.hypervolume_lost:.1%} of the hypervolume"
        )
    elif mode == "watch":
        lines.append("no trial is finished yet that was measured at every rung")
    else:
        lines.append("what stopping lost is not known of trainings that were stopped; --early-stopping watch tells")
    return lines


def _values(name: str, mode: str, decisions: "DecisionsReplay", stopping: "StudyReplay | None") -> dict[str, Any]:
    values = None
    if stopping is not None:
        values = {
            "n_trials": stopping.n_trials,
            "stopped": [{"number": number, "epochs": epochs} for number, epochs in sorted(stopping.stopped.items())],
            "epochs_spent": stopping.epochs_spent,
            "epochs_full": stopping.epochs_full,
            "times_saved": stopping.times_saved,
            "hypervolume": stopping.hypervolume,
            "hypervolume_full": stopping.hypervolume_full,
            "hypervolume_lost": stopping.hypervolume_lost,
        }
    return {
        "study": name,
        "mode": mode,
        "n_decisions": decisions.n_decisions,
        "differing": [{"number": number, "rung": rung} for number, rung in decisions.differing],
        "stopping": values,
    }
