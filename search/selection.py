"""Choosing trials by words: `front`, `knee`, `best:<objective>`, `trial:<number>`."""

from collections.abc import Sequence

import numpy as np

from spaces.errors import SelectionError
from spaces.objectives import losses, reference_losses
from spaces.pareto import knee
from spaces.spec_files import parse_spec
from storage.records import MAX_INTEGER, TrialRecord, TrialState
from storage.repository import Repository

_FORMS = "knee, best:<objective> or trial:<number>"


def select_trials(repository: Repository, study: str, selections: Sequence[str]) -> list[TrialRecord]:
    """Return the complete trials that several words name, each once, in the order of the words.

    Args:
        repository: where the study is stored.
        study: its name.
        selections: `front` (all of the front), or what `select_trial` takes.

    Raises:
        SelectionError: as in `select_trial`.
    """
    chosen: dict[int, TrialRecord] = {}
    for selection in selections:
        if selection == "front":
            front = repository.front(repository.get_study(study).id)
            if not front:
                raise _empty_front(study)
            found = front
        else:
            found = [_select(repository, study, selection, forms=f"front, {_FORMS}")]
        chosen.update({trial.number: trial for trial in found if trial.number not in chosen})
    return list(chosen.values())


def select_trial(repository: Repository, study: str, selection: str) -> TrialRecord:
    """Return the complete trial that the words name.

    Args:
        repository: where the study is stored.
        study: its name.
        selection: `knee` (the balanced member of the front), `best:<objective>` (the front's best on one objective)
            or `trial:<number>` (any complete trial).

    Raises:
        SelectionError: other words, an unknown objective or trial, or an empty front.
    """
    return _select(repository, study, selection, forms=_FORMS)


def _select(repository: Repository, study: str, selection: str, *, forms: str) -> TrialRecord:
    record = repository.get_study(study)
    kind, _, argument = selection.partition(":")
    if kind == "trial" and argument.isascii() and argument.isdecimal():
        return _complete(repository.trial(record.id, _trial_number(argument)), study)
    objectives = parse_spec(record.spec, source=f"stored study {study!r}").objective_values()
    names = [objective.name for objective in objectives]
    if selection != "knee" and not (kind == "best" and argument in names):
        raise SelectionError(
            f"a trial is chosen by {forms}, with an objective among {', '.join(names)}; got {selection!r}."
        )
    front = repository.front(record.id)
    points = np.array([losses(trial.measurement, objectives) for trial in front if trial.measurement is not None])
    if not len(points):
        raise _empty_front(study)
    if selection == "knee":
        return front[knee(points, reference_losses(objectives))]
    return front[int(np.argmin(points[:, names.index(argument)]))]


def _trial_number(digits: str) -> int:
    # Its length first: Python refuses to read thousands of digits.
    if len(digits) > len(str(MAX_INTEGER)) or int(digits) > MAX_INTEGER:
        raise SelectionError(f"a trial's number is at most {MAX_INTEGER}; got {digits[:50]!r}.")
    return int(digits)


def _empty_front(study: str) -> SelectionError:
    return SelectionError(f"study {study!r} has an empty front: no feasible trial is complete yet.")


def _complete(trial: TrialRecord, study: str) -> TrialRecord:
    if trial.state is not TrialState.COMPLETE:
        reason = f" ({trial.reason})" if trial.reason else ""
        raise SelectionError(
            f"trial {trial.number} of study {study!r} is {trial.state.value}{reason}; choose a complete trial."
        )
    return trial
