"""Where new candidates come from: Optuna, or chance where Optuna repeats itself; and when there are no more."""

import math
from collections.abc import Callable, Mapping, Sequence

from search.sampling import FirstTrialUnknownError, Proposal
from search.trials.first_trials import FirstTrials
from search.trials.parts import WorkerParts
from search.trials.refusals import arithmetic_violations
from spaces.errors import SpecError
from spaces.search_space import ParamValue
from storage.records import TrialRecord, TrialState

_REFUSALS_BEFORE_RANDOM = 25
_MAX_REFUSALS = 500


class Proposer:
    """Hands out proposals for new trials."""

    def __init__(self, parts: WorkerParts) -> None:
        """Take over the parts."""
        self._parts = parts
        self._tried: set[str] = set()  # fingerprints of the candidates that a trial was finished for, in whatever way
        self._refusals = 0  # in a row
        self._left_over: list[int] = []
        self._kept: Proposal | None = None
        self._first = FirstTrials(parts)
        if not parts.spec.warm_start.is_off:
            parts.optuna_study.begin_with(parts.space.baselines(), more=True)

    def know(self, records: Sequence[TrialRecord]) -> None:
        """Learn what the study's trials have tried."""
        self._tried |= {record.candidate.fingerprint for record in records if record.state is not TrialState.RUNNING}

    def take_up(self, numbers: Sequence[int]) -> None:
        """Propose again what Optuna had proposed to workers that died before they claimed it."""
        self._left_over = list(numbers)

    def note(self, record: TrialRecord) -> None:
        """Learn what became of a trial."""
        self._tried.add(record.candidate.fingerprint)
        self._refusals = self._refusals + 1 if record.state is TrialState.REFUSED else 0

    def next(self) -> Proposal:
        """Return the next proposal; float parents may be trained and measured for it.

        Raises:
            SpecError: too many in a row were refused.
            ParentError: a float parent could not be trained.
            StopRequestedError: somebody asked to stop.
        """
        parts = self._parts
        if self._kept is not None:
            proposal, self._kept = self._kept, None
            return proposal
        if self._left_over:
            number = self._left_over[0]
            proposal = self._ask(lambda: parts.optuna_study.resume(number))
            self._left_over.remove(number)
            return proposal
        if self._refusals < _REFUSALS_BEFORE_RANDOM:
            return self._ask(parts.optuna_study.ask)
        if self._refusals == _REFUSALS_BEFORE_RANDOM:
            self.know(parts.patience(lambda: parts.repository.trials(parts.study.id)))
        if self._refusals < _MAX_REFUSALS:
            return self._ask(lambda: parts.optuna_study.ask_at_random(self._is_new))
        raise self._nothing_to_try(f"{self._refusals} proposals in a row were refused")

    def _ask(self, ask: Callable[[], Proposal]) -> Proposal:
        """Ask for a proposal, and find out what the first trials are where it is one of them."""
        parts = self._parts
        while True:
            try:
                return parts.patience(ask)
            except FirstTrialUnknownError as unknown:
                first = self._first.up_to(unknown.number)
                parts.optuna_study.begin_with(first, more=len(first) > unknown.number)

    def keep(self, proposal: Proposal) -> None:
        """Keep a proposal for which the budget had no place; it is the next one."""
        self._kept = proposal

    def close(self) -> None:
        """Tell Optuna that a proposal which is still kept comes to nothing."""
        if self._kept is not None:
            number, self._kept = self._kept.number, None
            reason = "the trial budget had no place left"
            self._parts.patience(lambda: self._parts.optuna_study.tell_failed(number, reason=reason))

    def is_exhausted(self) -> bool:
        """Return whether every candidate of the space was tried.

        Raises:
            SpecError: it was, and each one breaks a constraint on size.
        """
        parts = self._parts
        size = math.prod(len(parameter.choices) for parameter in parts.space.parameters)
        if len(self._tried) < size:
            return False
        records = parts.patience(lambda: parts.repository.trials(parts.study.id))
        if all(max(arithmetic_violations(parts, record.candidate), default=0.0) > 0 for record in records):
            raise self._nothing_to_try(f"each of the {size} candidates of the space breaks a constraint on size")
        return True

    def _is_new(self, params: Mapping[str, ParamValue]) -> bool:
        return self._parts.space.decode(params).fingerprint not in self._tried

    def _nothing_to_try(self, what: str) -> SpecError:
        constraints = ", ".join(f"'{item}'" for item in self._parts.spec.constraint_values()) or "none are set"
        return SpecError(
            f"{what}; widen the choices under [layers] and [topology], or the constraints ({constraints})."
        )
