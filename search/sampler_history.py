"""What a sampler sees of a long history: the front and the latest trials, so that asking costs the same at length."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spaces.pareto import non_dominated_mask

_LATEST = 1000


class SamplerHistory:
    """Knows the non-dominated feasible trials, and keeps up with those that come in.

    TPE fits one density to at most 25 of the best trials and one to all others. The first is the same from the front
    and the latest trials alone as long as the front has that many; the second is hardly another one from a thousand
    trials than from ten thousand, but costs ten times as much to fit.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._front: dict[int, list[float]] = {}

    def of(self, study: Any) -> Any:
        """Return an Optuna study as a sampler is to see it."""
        return _Remembered(study, self)

    def shortened(self, study: Any, trials: Sequence[Any]) -> Sequence[Any]:
        """Return the trials of the front and the latest ones, in their order."""
        if len(trials) <= _LATEST:
            return trials
        self._take_in(study, trials)
        return [trial for trial in trials[:-_LATEST] if trial.number in self._front] + list(trials[-_LATEST:])

    def _take_in(self, study: Any, trials: Sequence[Any]) -> None:
        signs = [-1.0 if direction.name == "MAXIMIZE" else 1.0 for direction in study.directions]
        for trial in trials:
            if trial.number not in self._seen and trial.state.is_finished():
                self._seen.add(trial.number)
                if trial.values is not None and all(value <= 0 for value in trial.constraints.values()):
                    losses = [sign * value for sign, value in zip(signs, trial.values, strict=True)]
                    self._front[trial.number] = losses
        is_on_front = non_dominated_mask(np.array(list(self._front.values())).reshape(-1, len(signs)))
        self._front = {
            number: losses for (number, losses), stays in zip(self._front.items(), is_on_front, strict=True) if stays
        }


class _Remembered:
    """An Optuna study with a shortened history."""

    def __init__(self, study: Any, history: SamplerHistory) -> None:
        self._study, self._history = study, history

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(self, *arguments: Any, **options: Any) -> Sequence[Any]:
        return self._history.shortened(self._study, self._study._get_trials(*arguments, **options))
