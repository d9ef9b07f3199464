"""What a launch says whose trials are spent and none of them has a result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spaces.errors import NoResultError

if TYPE_CHECKING:
    from dashboards.snapshot import StudySnapshot
    from storage.records import TrialRecord

_MOST_REASONS = 3


def check_has_result(snapshot: "StudySnapshot") -> None:
    """Check that a study whose work is done has a complete trial.

    Raises:
        NoResultError: it has none; the message says what became of them.
    """
    if snapshot.measurements:
        return
    by_reason: dict[str, list[TrialRecord]] = {}
    for trial in snapshot.trials:
        by_reason.setdefault(trial.reason or "no reason is stored", []).append(trial)
    told = [_told(reason, trials) for reason, trials in list(by_reason.items())[:_MOST_REASONS]]
    left = len(by_reason) - len(told)
    told += [f"{left} other reasons are in `status --json`"] if left else []
    what = "; ".join(told) or "there are none"
    raise NoResultError(
        f"no trial of study {snapshot.study.name!r} is complete: {what}. Mend that, then start the study under another "
        "name, or give it more --trials."
    )


def _told(reason: str, trials: Sequence["TrialRecord"]) -> str:
    first = trials[0]
    which = f"trial {first.number}" if len(trials) == 1 else f"{len(trials)} trials from trial {first.number} on"
    return f"{which} {first.state.value}: {reason.rstrip('.')}"
