"""The one door to Optuna: the study beside ours, the samplers, ask and tell."""

import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState

from spaces.errors import SelectionError, SpecError, StorageError, StudyMismatchError
from spaces.objectives import Objective
from spaces.search_space import ParamValue, SearchSpace
from storage.sql import masked, storage_errors

_REASON = "reason"
_BUSY_TIMEOUT_S = 30
_MAX_DRAWS = 1000


def _tpe(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(
        n_startup_trials=10,
        n_ei_candidates=24,
        multivariate=True,
        group=False,
        constant_liar=True,
        seed=seed,
    )


def _nsga2(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(population_size=20, seed=seed)


def _random(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {"tpe": _tpe, "nsga2": _nsga2, "random": _random}


def check_sampler(name: str) -> None:
    """Raise a SpecError that lists the samplers where there is none of that name."""
    if name not in SAMPLERS:
        raise SpecError(f"--sampler must be one of {', '.join(SAMPLERS)}; got {name!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A trial that Optuna runs: its number there and here, and the values of all parameters."""

    number: int
    params: Mapping[str, ParamValue]


class OptunaStudy:
    """The Optuna study of the same name in the same database; objectives are named, directions are the metrics' own."""

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
        """Create the study or load it; a new one gets the two baselines as its first trials.

        Raises:
            SpecError: unknown sampler.
            StudyMismatchError: the database holds an Optuna study of that name with other objectives.
        """
        check_sampler(sampler)
        self._url = storage.url if isinstance(storage, optuna.storages.RDBStorage) else "in memory"
        self._sampler, self._seed, self._space = SAMPLERS[sampler], seed, space
        self._distributions: dict[str, BaseDistribution] = {
            parameter.name: CategoricalDistribution(parameter.choices)
            for parameter in space.parameters
            if len(parameter.choices) > 1
        }
        self._fixed = {
            parameter.name: parameter.choices[0] for parameter in space.parameters if len(parameter.choices) == 1
        }
        directions = [optuna.study.StudyDirection[objective.direction.name] for objective in objectives]
        with _optuna_calls(self._url):
            self._study = optuna.create_study(
                storage=storage, study_name=name, directions=directions, load_if_exists=True
            )
            if self._study.directions != directions:
                raise StudyMismatchError(
                    f"the database holds an Optuna study {name!r} with other objectives; use another name or database."
                )
            self._study.set_metric_names([objective.name for objective in objectives])
            # As many as are missing: a kill may have come between the two.
            for params in space.baselines()[len(self._study.get_trials(deepcopy=False)) :]:
                self._enqueue(params)

    def ask(self) -> Proposal:
        """Return the next proposal; what it is follows from the seed and the trials so far."""
        with _optuna_calls(self._url):
            n_trials = len(self._study.get_trials(deepcopy=False))
            self._study.sampler = self._sampler(_derived(self._seed, n_trials))
            trial = self._study.ask(self._distributions)
        return Proposal(number=trial.number, params={**self._fixed, **trial.params})

    def ask_at_random(self, is_new: Callable[[Mapping[str, ParamValue]], bool]) -> Proposal:
        """Return a proposal drawn uniformly from those that are new, for when the sampler repeats itself.

        Where many draws find nothing new, the last one is returned.
        """
        with _optuna_calls(self._url):
            rng = random.Random(_derived(self._seed, len(self._study.get_trials(deepcopy=False))))
        for _ in range(_MAX_DRAWS):
            params = {parameter.name: rng.choice(parameter.choices) for parameter in self._space.parameters}
            if is_new(params):
                break
        with _optuna_calls(self._url):
            self._enqueue(params)
        return self.ask()

    def unfinished(self) -> list[int]:
        """Return the numbers of the trials that Optuna counts as running."""
        with _optuna_calls(self._url):
            return [trial.number for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]

    def resume(self, number: int) -> Proposal:
        """Return the proposal of a running trial again; values that it had are kept, missing ones are drawn."""
        with _optuna_calls(self._url):
            self._study.sampler = self._sampler(_derived(self._seed, number))
            trial = self._running_trial(number)
            if trial is None:
                raise SelectionError(f"Optuna's trial {number} is not running; only a running trial can be resumed.")
            params: dict[str, Any] = {
                name: trial.suggest_categorical(name, distribution.choices)
                for name, distribution in self._distributions.items()
                if isinstance(distribution, CategoricalDistribution)
            }
        return Proposal(number=number, params={**self._fixed, **params})

    def tell_complete(self, number: int, values: Sequence[float], *, violations: Sequence[float]) -> None:
        """Hand in a measured trial; a trial that Optuna has finished already stays as it is."""
        self._tell(number, TrialState.COMPLETE, values=values, violations=violations)

    def tell_refused(self, number: int, *, reason: str, violations: Sequence[float]) -> None:
        """Hand in a trial that was not trained: with violations as infeasible, without as void (a repetition)."""
        state = TrialState.PRUNED if violations else TrialState.FAIL
        self._tell(number, state, violations=violations, reason=reason)

    def tell_failed(self, number: int, *, reason: str) -> None:
        """Hand in a trial that broke."""
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
        with _optuna_calls(self._url):
            trial = self._running_trial(number)
            if trial is None:
                return
            for index, violation in enumerate(violations):
                trial.set_constraint(f"constraint {index}", violation)
            if reason is not None:
                trial.set_user_attr(_REASON, reason)
            self._study.sampler = self._sampler(_derived(self._seed, number))
            self._study.tell(number, values=values, state=state, skip_if_finished=True)

    def _running_trial(self, number: int) -> optuna.trial.Trial | None:
        """Return a handle on a trial that Optuna counts as running, whichever process began it."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ids = [trial._trial_id for trial in running if trial.number == number]
        return optuna.trial.Trial(self._study, ids[0]) if ids else None

    def _enqueue(self, params: Mapping[str, ParamValue]) -> None:
        self._study.enqueue_trial({name: params[name] for name in self._distributions})


def open_optuna_storage(url: str) -> optuna.storages.BaseStorage:
    """Open Optuna's tables in a database.

    Raises:
        StorageError: the tables were written by another version of Optuna.
    """
    is_sqlite = url.startswith("sqlite")
    engine_kwargs: dict[str, Any] = (
        {"connect_args": {"timeout": _BUSY_TIMEOUT_S}} if is_sqlite else {"pool_pre_ping": True}
    )
    try:
        with _optuna_calls(url):
            return optuna.storages.RDBStorage(url, engine_kwargs=engine_kwargs)
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
        except optuna.exceptions.StorageInternalError as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise StorageError(
                f"database {masked(url)} failed in Optuna's tables: {reason}; nothing recorded is lost, "
                "run the same command again once it answers."
            ) from error
