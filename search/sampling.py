"""The door to Optuna: the study beside ours, ask and tell. The samplers stand in `search.samplers`."""

import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import TrialState

from search.sampler_history import SamplerHistory
from search.samplers import SAMPLERS, GivenParams, MakeSampler, NumberedSampler, check_sampler
from search.trial_writes import long_read, one_transaction, params_at_once, write_result
from spaces.errors import SelectionError, StorageError, StudyMismatchError
from spaces.objectives import Objective
from spaces.search_space import ParamValue, SearchSpace
from storage.outages import passes
from storage.sql import BUSY_TIMEOUT_S, masked, server_options, storage_errors

_MAX_DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A trial that Optuna runs: its number there and here, and the values of all parameters."""

    number: int
    params: Mapping[str, ParamValue]


class FirstTrialUnknownError(Exception):
    """A trial is among the first ones, which propose what was decided before; what that is, is not known here yet."""

    def __init__(self, number: int) -> None:
        super().__init__(f"what trial {number} proposes is not known yet")
        self.number = number


class OptunaStudy:
    """The Optuna study of the same name in the same database; objectives are named, directions are the metrics' own.

    Every method may be called again after a `StorageError` that passes.
    """

    def __init__(
        self,
        storage: optuna.storages.BaseStorage,
        name: str,
        *,
        space: SearchSpace,
        objectives: Sequence[Objective],
        sampler: str,
        seed: int,
    ) -> None:
        """Create the study or load it; its first trials are the baselines, unless `begin_with` says otherwise.

        Raises:
            SpecError: unknown sampler.
            StudyMismatchError: the database holds an Optuna study of that name with other objectives.
        """
        check_sampler(sampler)
        self._url = storage.url if isinstance(storage, optuna.storages.RDBStorage) else "in memory"
        self._space, self._seed = space, seed
        self._make_sampler = SAMPLERS[sampler]
        self._first: tuple[Mapping[str, ParamValue], ...] = space.baselines()
        self._are_all_known = True
        self._half_asked: int | None = None
        self._history = SamplerHistory()
        self._are_choices_compared = False
        self._distributions: dict[str, BaseDistribution] = {
            parameter.name: CategoricalDistribution(parameter.choices)
            for parameter in space.parameters
            if len(parameter.choices) > 1
        }
        self._fixed = {
            parameter.name: parameter.choices[0] for parameter in space.parameters if len(parameter.choices) == 1
        }
        directions = [optuna.study.StudyDirection[objective.direction.name] for objective in objectives]
        names = [objective.name for objective in objectives]
        with _optuna_calls(self._url):
            self._study = optuna.create_study(
                storage=storage, study_name=name, directions=directions, load_if_exists=True
            )
            if self._study.directions != directions:
                raise StudyMismatchError(
                    f"the database holds an Optuna study {name!r} with other objectives; use another name or database."
                )
            if self._study.metric_names != names:
                self._study.set_metric_names(names)

    def begin_with(self, first: Sequence[Mapping[str, ParamValue]], *, more: bool = False) -> None:
        """Have the first trials propose these parameters, one after the other: trial 0 the first.

        Which of them a trial proposes follows from its number alone, so all workers of a study give the same ones.

        Args:
            first: by number.
            more: whether further ones follow that are not known yet; a call that comes to one of them says so.
        """
        self._first, self._are_all_known = tuple(first), not more

    def ask(self) -> Proposal:
        """Return the next proposal; what it is follows from the seed, its number and the trials so far.

        Raises:
            FirstTrialUnknownError: it is one of the first trials, beyond those that `begin_with` named. The trial is
                there: asked again after another `begin_with`, it is the one that is proposed.
        """
        return self._ask(self._usual_sampler)

    def ask_at_random(self, is_new: Callable[[Mapping[str, ParamValue]], bool]) -> Proposal:
        """Return a proposal drawn uniformly from those that are new, for when the sampler repeats itself.

        The first trials, which `begin_with` names, stay what they are. Where many draws find nothing new, the last one
        is returned.
        """

        def draw(number: int) -> GivenParams:
            rng = random.Random(_derived(self._seed, number))
            for _ in range(_MAX_DRAWS):
                params = {parameter.name: rng.choice(parameter.choices) for parameter in self._space.parameters}
                if is_new(params):
                    break
            return GivenParams(params)

        return self._ask(draw)

    def _ask(self, make_sampler: MakeSampler) -> Proposal:
        if self._half_asked is not None:  # the database went away between the trial and its last parameter
            try:
                return self.resume(self._half_asked)
            except SelectionError:
                self._half_asked = None
        with _optuna_calls(self._url):
            self._study.sampler = self._numbered(lambda number: self._first_sampler(number) or make_sampler(number))
            try:
                trial = self._begin()
            except FirstTrialUnknownError as error:
                self._half_asked = error.number
                raise
            self._half_asked = trial.number
            return self._complete(trial)

    def _begin(self) -> optuna.trial.Trial:
        """Begin a new trial, or one that waits, as an earlier version left some; the sampler sees what is read here."""
        storage, study_id = self._study._storage, self._study._study_id
        trials = storage.get_all_trials(study_id, deepcopy=False)
        if any(trial.state is TrialState.WAITING for trial in trials):
            return self._study.ask()
        self._study._thread_local.cached_all_trials = trials
        return optuna.trial.Trial(self._study, storage.create_new_trial(study_id))

    def _numbered(self, make: MakeSampler) -> NumberedSampler:
        return NumberedSampler(make, self._distributions, self._history)

    def _first_sampler(self, number: int) -> GivenParams | None:
        if number < len(self._first):
            return GivenParams(self._first[number])
        if not self._are_all_known:
            raise FirstTrialUnknownError(number)
        return None

    def _usual_sampler(self, number: int) -> optuna.samplers.BaseSampler:
        return self._first_sampler(number) or self._make_sampler(_derived(self._seed, number))

    def _complete(self, trial: optuna.trial.Trial) -> Proposal:
        """Return a trial's proposal; values that it has are kept, missing ones are drawn.

        The first proposal of a process is written value by value, since Optuna then compares the choices with those
        of the trials so far.
        """
        with one_transaction(trial.storage), params_at_once(trial) if self._are_choices_compared else nullcontext():
            params: dict[str, Any] = {
                name: trial.suggest_categorical(name, distribution.choices)
                for name, distribution in self._distributions.items()
                if isinstance(distribution, CategoricalDistribution)
            }
        self._half_asked, self._are_choices_compared = None, True
        return Proposal(number=trial.number, params={**self._fixed, **params})

    def _draw_again(self, trial: optuna.trial.Trial) -> None:
        """Draw the values that a trial has once more and drop them, so that the next ones are as if it had no pause."""
        known = trial.params
        if len(known) == len(self._distributions):
            return
        stored = self._study._storage.get_trial(trial._trial_id)
        for name, distribution in self._distributions.items():
            if name in known and name not in trial.relative_params:  # the others are drawn together, whatever is known
                self._study.sampler.sample_independent(self._study, stored, name, distribution)

    def unfinished(self) -> list[int]:
        """Return the numbers of the trials that Optuna counts as running; a worker's first call, which reads all."""
        with _optuna_calls(self._url), long_read(self._study._storage):
            return [trial.number for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]

    def resume(self, number: int) -> Proposal:
        """Return the proposal of a running trial again; values that it had are kept, missing ones are drawn.

        Where no trial was told meanwhile, the missing ones are those that `ask` would have drawn.
        """
        with _optuna_calls(self._url):
            self._study.sampler = self._numbered(self._usual_sampler)
            self._study._thread_local.cached_all_trials = None  # those of the latest ask are old
            trial = self._running_trial(number)
            if trial is None:
                raise SelectionError(f"Optuna's trial {number} is not running; only a running trial can be resumed.")
            self._draw_again(trial)
            return self._complete(trial)

    def tell_complete(self, number: int, values: Sequence[float], *, violations: Sequence[float]) -> None:
        """Hand in a measured trial; a trial that Optuna has finished already stays as it is."""
        self._tell(number, TrialState.COMPLETE, values=values, violations=violations)

    def tell_refused(self, number: int, *, reason: str, violations: Sequence[float]) -> None:
        """Hand in a trial that was not trained: with violations as infeasible, without as void (a repetition)."""
        state = TrialState.PRUNED if violations else TrialState.FAIL
        self._tell(number, state, violations=violations, reason=reason)

    def tell_stopped(self, number: int, *, reason: str, violations: Sequence[float]) -> None:
        """Hand in a trial that was stopped at a rung, with what it broke there: positive where it did."""
        self._tell(number, TrialState.PRUNED, violations=violations, reason=reason)

    def tell_failed(self, number: int, *, reason: str) -> None:
        """Hand in a trial that broke, or that came to nothing."""
        self._tell(number, TrialState.FAIL, reason=reason)

    def _tell(
        self,
        number: int,
        state: TrialState,
        *,
        values: Sequence[float] | None = None,
        violations: Sequence[float] = (),
        reason: str | None = None,
    ) -> None:
        storage = self._study._storage
        with _optuna_calls(self._url), suppress(UpdateFinishedTrialError):  # told before, maybe by another worker
            try:
                trial_id = storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)
            except KeyError:  # there is no such trial
                return
            write_result(storage, trial_id, state, values=values, violations=violations, reason=reason)

    def _running_trial(self, number: int) -> optuna.trial.Trial | None:
        """Return a handle on a trial that Optuna counts as running, whichever process began it."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ids = [trial._trial_id for trial in running if trial.number == number]
        return optuna.trial.Trial(self._study, ids[0]) if ids else None


def open_optuna_storage(url: str) -> optuna.storages.BaseStorage:
    """Open Optuna's tables in a database.

    Raises:
        StorageError: the tables were written by another version of Optuna.
    """
    is_sqlite = url.startswith("sqlite")
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT_S}} if is_sqlite else server_options(url)
    try:
        with _optuna_calls(url):
            return optuna.storages.RDBStorage(url, engine_kwargs=options)
    except RuntimeError as error:
        raise StorageError(f"Optuna's tables cannot be used: {error}") from error


def _derived(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


@contextmanager
def _optuna_calls(url: str) -> Iterator[None]:
    """Keep Optuna's notices of experimental features away from the user, and give its database errors our form.

    Raises:
        StorageError: the database failed; what was recorded stays, and the same command goes on from there.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings(), storage_errors(url):
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            yield
        except Exception as error:
            is_transient = passes(error)
            if not is_transient and not isinstance(error, StorageInternalError):
                raise
            reason = str(error.__cause__ or error).splitlines()[0]
            text = (
                f"database {masked(url)} failed in Optuna's tables: {reason}; nothing recorded is lost, "
                "run the same command again once it answers."
            )
            raise StorageError(text, is_transient=is_transient) from error
