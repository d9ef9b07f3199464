"""What a sampler sees of a long history: the front and the latest trials, so that asking costs the same at length."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spaces.pareto import non_dominated_mask

_LATEST = 300


class SamplerHistory:
    """Knows the non-dominated feasible trials, and keeps up with those that come in.

    TPE fits one density to at most 25 of the best trials and one to all others. The first is the same from the front
    and the latest trials alone as long as the front has that many; the second is hardly another one from a thousand
    trials than from ten thousand, but costs ten times as much to fit.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._front: dict[int, list[float]] = {}
        self._encoded: dict[int, tuple[float, ...] | None] = {}

    def of(self, study: Any) -> "SeenStudy":
        """Return an Optuna study as a sampler is to see it for one trial."""
        return SeenStudy(study, self)

    def encoded(self, trial: Any, encode: Callable[[Any], tuple[float, ...] | None], /) -> tuple[float, ...] | None:
        """Return a trial's parameters in numbers, None where it lacks one; a finished trial is encoded once."""
        if not trial.state.is_finished():
            return encode(trial)
        if trial.number not in self._encoded:
            self._encoded[trial.number] = encode(trial)
        return self._encoded[trial.number]

    def shortened(self, study: Any, trials: Sequence[Any]) -> Sequence[Any]:
        """Return the trials of the front and the latest ones, in their order."""
        if len(trials) <= _LATEST:
            return trials
        self._take_in(study, trials)
        return [trial for trial in trials[:-_LATEST] if trial.number in self._front] + list(trials[-_LATEST:])

    def _take_in(self, study: Any, trials: Sequence[Any]) -> None:
        signs = [-1.0 if direction.name == "MAXIMIZE" else 1.0 for direction in study.directions]
        new = [trial for trial in trials if trial.number not in self._seen and trial.state.is_finished()]
        if not new:
            return
        for trial in new:
            self._seen.add(trial.number)
            if trial.values is not None and all(value <= 0 for value in trial.constraints.values()):
                self._front[trial.number] = [sign * value for sign, value in zip(signs, trial.values, strict=True)]
        is_on_front = non_dominated_mask(np.array(list(self._front.values())).reshape(-1, len(signs)))
        self._front = {
            number: losses for (number, losses), stays in zip(self._front.items(), is_on_front, strict=True) if stays
        }


class SeenStudy:
    """An Optuna study with a shortened history, which TPE reads twice for one trial; both times it sees the same."""

    def __init__(self, study: Any, history: SamplerHistory) -> None:
        self._study, self.history = study, history

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(self, deepcopy: bool = True, states: Any = None, use_cache: bool = False) -> Sequence[Any]:
        del deepcopy, use_cache
        seen = self._study._get_trials(deepcopy=False, states=states, use_cache=True)
        return self.history.shortened(self._study, seen)
