"""`status`: how far a study is."""

import json
import sys
from typing import Any

from rich.console import Console

from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption, StudyOption


def status(
    study: StudyOption = "digits", storage: StorageOption = DEFAULT_STORAGE, as_json: JsonOption = False
) -> None:
    """Print how far a study is: trials by state, front, hypervolume, failures."""
    from dashboards.fired_checks import fired_checks
    from search.bootstrap import open_memory
    from search.cli.study_names import study_name
    from search.cli.synthetic import synthetic_warning
    from search.snapshots import read_snapshot
    from storage.records import TrialState

    name = study_name(study)
    memory = open_memory(storage)
    snapshot = read_snapshot(memory.repository, name).with_audits(memory.audits)
    counts = {state.value: snapshot.count(state) for state in TrialState}
    latest = snapshot.revisions[-1]
    values: dict[str, Any] = {
        "name": name,
        "is_synthetic": snapshot.study.is_synthetic,
        "trial_budget": snapshot.spec.budget.trials,
        "trials": counts,
        "revision": latest.revision,
        "front": list(snapshot.front_numbers),
        "masking_suspects": list(fired_checks(snapshot)),
        "hypervolume": latest.hypervolume,
        "failures": {trial.number: trial.reason for trial in snapshot.trials if trial.state is TrialState.FAILED},
    }
    if as_json:
        sys.stdout.write(json.dumps(values, indent=1) + "\n")
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    marked = f" ({synthetic_warning()})" if values["is_synthetic"] else ""
    console.print(f"study {name}{marked}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    console.print(f"budget {values['trial_budget']} trials, front {len(values['front'])}, revision {latest.revision}")
    console.print(f"hypervolume {latest.hypervolume:.6g}")
    if values["masking_suspects"]:
        numbers = ", ".join(map(str, values["masking_suspects"]))
        console.print(f"masking suspects, see docs/checks.md: {numbers}")
    for number, reason in values["failures"].items():
        console.print(f"trial {number} failed: {reason}", style="red")
