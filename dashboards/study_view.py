"""A study of any length: all trials in brief, and those that are looked at closely in full."""

from dataclasses import dataclass

from dashboards.snapshot import StudySnapshot
from storage.records import TrialState
from storage.trial_summaries import TrialSummary, summary_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """What the pages know of a study at one moment.

    Attributes:
        trials: every trial in brief, by number.
        details: the same study with the full records of some trials alone: its front, its baselines, chosen ones.
    """

    trials: tuple[TrialSummary, ...]
    details: StudySnapshot

    @classmethod
    def of(cls, snapshot: StudySnapshot) -> "StudyView":
        """Return the view of a study that was read in full."""
        trials = sorted(snapshot.trials, key=lambda trial: trial.number)
        return cls(trials=tuple(map(summary_of, trials)), details=snapshot)

    def count(self, state: TrialState) -> int:
        """Return how many trials are in `state`."""
        return sum(trial.state is state for trial in self.trials)

    @property
    def empty_note(self) -> str | None:
        """Why there is no measured trial to show; None when there is one."""
        if any(trial.is_measured for trial in self.trials):
            return None
        if not self.trials:
            return "no trials yet"
        counts = [f"{self.count(state)} {state.value}" for state in TrialState if self.count(state)]
        return f"no trial is complete yet: {', '.join(counts)}"
