"""What a study has stored of its rungs, decided again: do the decisions hold, what does stopping save and lose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.early_stopping import Decision, RungPoint, RungRule, replay
from search.stopping_replay import FinishedTrial, StudyReplay, replay_study
from spaces.measurement import Measurement
from spaces.study_spec import StudySpec
from storage.records import TrialRecord, TrialState
from storage.rungs import RungRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionsReplay:
    """The stored decisions of a study beside those that come out again.

    Attributes:
        n_decisions: how many are stored.
        differing: (trial, rung) of those that come out otherwise: changed by hand, or damaged.
    """

    n_decisions: int
    differing: tuple[tuple[int, int], ...]


def replay_decisions(rungs: Sequence[RungRecord], spec: StudySpec) -> DecisionsReplay:
    """Decide again at every rung, each time from what the trials of the stored decision measured there.

    What comes out must be what is stored, and what was acted on.

    Raises:
        SearchError: another version of the rule made a decision.
    """
    measured: dict[int, dict[int, Measurement]] = {}
    for record in rungs:
        measured.setdefault(record.rung, {})[record.number] = record.measurement
    differing = [(record.number, record.rung) for record in rungs if not _holds(record, measured[record.rung], spec)]
    return DecisionsReplay(n_decisions=len(rungs), differing=tuple(differing))


def replay_stopping(trials: Sequence[TrialRecord], rungs: Sequence[RungRecord], spec: StudySpec) -> StudyReplay | None:
    """Return what stopping would have saved and lost, None unless some trials were watched to their end.

    Args:
        trials: of the study; those count that are complete and were measured at every rung.
        rungs: of the study.
        spec: of the study. Where its mode stops trainings, None: what became of a stopped trial is not known.
    """
    if spec.early_stopping.mode != "watch":
        return None
    rule, epochs = RungRule.of(spec), spec.rungs()
    points: dict[int, dict[int, RungPoint]] = {}
    for record in rungs:
        points.setdefault(record.number, {})[record.rung] = RungPoint.of(record.number, record.measurement, rule)
    finished = [
        FinishedTrial(
            at_rungs=tuple(points[trial.number][rung] for rung in range(len(epochs))),
            final=RungPoint.of(trial.number, trial.measurement, rule),
        )
        for trial in trials
        if trial.state is TrialState.COMPLETE
        and trial.measurement is not None
        and len(points.get(trial.number, ())) == len(epochs)
    ]
    if not finished:
        return None
    return replay_study(finished, rungs=epochs, epochs=spec.training.epochs, rule=rule)


def _holds(record: RungRecord, measured: Mapping[int, Measurement], spec: StudySpec) -> bool:
    try:
        again = replay(Decision.from_json(record.decision, measured))
    except (KeyError, TypeError, ValueError):  # parts of what was stored are missing
        return False
    is_followed = record.goes_on == (again.goes_on or spec.early_stopping.mode == "watch")
    return again.number == record.number and again.to_json() == dict(record.decision) and is_followed
