"""Optuna's samplers with every argument given, and how a trial's number decides which sampler draws it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from search.sampler_history import SamplerHistory, SeenStudy
from spaces.errors import SpecError
from spaces.search_space import ParamValue

MakeSampler = Callable[[int], optuna.samplers.BaseSampler]  # of a seed, or of a trial's number


class RememberingTPESampler(optuna.samplers.TPESampler):
    """Optuna's TPE, which does not look up again and again where in a parameter's choices the values of old trials are.

    It draws the same; that look-up is half of what a thousand trials of forty parameters cost it.
    """

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: Any
    ) -> dict[str, np.ndarray]:
        if not isinstance(study, SeenStudy):
            return super()._get_internal_repr(trials, search_space, study)

        def encode(trial: FrozenTrial) -> tuple[float, ...] | None:
            params = self._get_params(trial, cast("optuna.Study", study))
            if not search_space.keys() <= params.keys():
                return None
            return tuple(distribution.to_internal_repr(params[name]) for name, distribution in search_space.items())

        rows = [row for trial in trials if (row := study.history.encoded(trial, encode)) is not None]
        columns = np.array(rows).reshape(-1, len(search_space)).T.copy()  # [n_parameters, n_trials]
        return dict(zip(search_space, columns, strict=True))


def _tpe(seed: int) -> optuna.samplers.BaseSampler:
    return RememberingTPESampler(
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


SAMPLERS: dict[str, MakeSampler] = {"tpe": _tpe, "nsga2": _nsga2, "random": _random}


def check_sampler(name: str) -> None:
    """Raise a SpecError that lists the samplers where there is none of that name."""
    if name not in SAMPLERS:
        raise SpecError(f"--sampler must be one of {', '.join(SAMPLERS)}; got {name!r}.")


class GivenParams(optuna.samplers.RandomSampler):
    """Proposes values that were decided before; like every random sampler it looks at each parameter by itself."""

    def __init__(self, params: Mapping[str, ParamValue]) -> None:
        super().__init__()
        self._params = params

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> ParamValue:
        """Return the value."""
        del study, trial, param_distribution
        return self._params[param_name]


class NumberedSampler(optuna.samplers.BaseSampler):
    """Gives every trial a sampler of its own, made from the trial's number.

    So draws follow from the study's seed, the number and the trials so far, whichever process asks: two workers that
    ask in the same moment get different numbers and so do not propose the same.
    """

    def __init__(
        self, make: MakeSampler, distributions: Mapping[str, BaseDistribution], history: SamplerHistory
    ) -> None:
        """Take what it works with.

        Args:
            make: makes a trial's sampler.
            distributions: the parameters of the study, which are those of each of its trials.
            history: what TPE sees of the trials so far.
        """
        self._make, self._history = make, history
        self._distributions = dict(sorted(distributions.items()))
        self._latest: tuple[int, optuna.samplers.BaseSampler] | None = None

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return all parameters; samplers that look at each one by itself return none.

        Optuna would find the same by comparing the parameters of all trials so far, in a time that grows with them.
        """
        del study
        return {} if isinstance(self._of(trial), optuna.samplers.RandomSampler) else self._distributions

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask the trial's sampler."""
        sampler = self._of(trial)
        seen: Any = self._history.of(study) if isinstance(sampler, optuna.samplers.TPESampler) else study
        return sampler.sample_relative(seen, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Ask the trial's sampler."""
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Tell the trial's sampler."""
        self._of(trial).before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the trial's sampler."""
        self._of(trial).after_trial(study, trial, state, values)

    def _of(self, trial: FrozenTrial) -> optuna.samplers.BaseSampler:
        if self._latest is None or self._latest[0] != trial.number:
            self._latest = (trial.number, self._make(trial.number))
        return self._latest[1]
