"""`status`: how far a study is."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from search.cli.consoles import results, write_json
from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption, StudyOption
from spaces.errors import SpecError

if TYPE_CHECKING:
    from dashboards.snapshot import StudySnapshot


def status(
    study: StudyOption = "digits",
    storage: StorageOption = DEFAULT_STORAGE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay and follow the study until its budget is spent, or Ctrl-C.")
    ] = False,
    every_s: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two looks of --watch.")] = 2.0,
    as_json: JsonOption = False,
) -> None:
    """Print how far a study is: trials by state, front, hypervolume, failures."""
    if watch and as_json:
        raise SpecError("--watch and --json were both given; choose one. A program asks --json again and again.")
    from dashboards.reading import read_snapshot
    from search.bootstrap import open_memory
    from search.cli.data_notes import print_data_note
    from search.cli.study_names import study_name

    name = study_name(study)
    memory = open_memory(storage)
    if watch:
        from search.cli.status_watch import watch_study

        watch_study(results(), memory, name, every_s=every_s)
    snapshot = read_snapshot(memory.repository, name).with_audits(memory.audits)
    values = status_values(snapshot)
    if as_json:
        write_json(values)
    else:
        _print_status(results(), values)
        print_data_note(results(), snapshot.study)


def status_values(snapshot: "StudySnapshot") -> dict[str, Any]:
    """Return how far a study is, as JSON values."""
    from dashboards.fired_checks import fired_checks
    from search.cli.data_notes import data_note
    from storage.records import TrialState

    latest = snapshot.revisions[-1]
    return {
        "name": snapshot.study.name,
        "is_synthetic": snapshot.study.is_synthetic,
        "data_note": data_note(snapshot.study),
        "trial_budget": snapshot.spec.budget.trials,
        "trials": {state.value: snapshot.count(state) for state in TrialState},
        "revision": latest.revision,
        "front": list(snapshot.front_numbers),
        "masking_suspects": list(fired_checks(snapshot)),
        "hypervolume": latest.hypervolume,
        "failures": {trial.number: trial.reason for trial in snapshot.trials if trial.state is TrialState.FAILED},
    }


def _print_status(console: Console, values: dict[str, Any]) -> None:
    from search.cli.synthetic import synthetic_warning

    def line(text: str, style: str | None = None) -> None:
        console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    marked = f" ({synthetic_warning()})" if values["is_synthetic"] else ""
    counts = ", ".join(f"{count} {state}" for state, count in values["trials"].items())
    line(f"study {values['name']}{marked}: {counts}")
    line(f"budget {values['trial_budget']} trials, front {len(values['front'])}, revision {values['revision']}")
    line(f"hypervolume {values['hypervolume']:.6g}")
    if values["masking_suspects"]:
        line(f"masking suspects, see docs/checks.md: {', '.join(map(str, values['masking_suspects']))}")
    for number, reason in values["failures"].items():
        line(f"trial {number} failed: {reason}", "red")
