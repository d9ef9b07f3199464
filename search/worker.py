"""The trial loop: ask, refuse or evaluate, record in our tables, then tell Optuna.

Killed anywhere, the next worker goes on: a recorded result that Optuna has not heard of is told, a trial without a
result is trained again under its own number, with its own seed.
"""

import math
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.evaluation import Evaluation, Evaluator, Watch
from search.listener import Listener, Standing
from search.sampling import OptunaStudy, Proposal
from spaces.candidate import Candidate
from spaces.errors import SpecError, TrialError
from spaces.objectives import ARITHMETIC_METRICS
from spaces.search_space import BASELINE_NUMBERS, ParamValue, SearchSpace
from spaces.study_spec import StudySpec
from storage.artifacts import ArtifactStore
from storage.records import StudyRecord, TrialOutcome, TrialRecord, TrialState
from storage.repository import Repository
from storage.study_lock import study_lock

_REFUSALS_BEFORE_RANDOM = 25
_MAX_REFUSALS = 500


def this_process() -> str:
    """Return a name for this process: host and process id."""
    return f"{platform.node()}:{os.getpid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """What a worker works with; `search.bootstrap` puts it together.

    Attributes:
        provenance: what every trial's details record: package versions, the sampler.
    """

    database_url: str
    provenance: Mapping[str, Any]
    study: StudyRecord
    spec: StudySpec
    space: SearchSpace
    optuna_study: OptunaStudy
    repository: Repository
    artifacts: ArtifactStore
    evaluator: Evaluator
    listener: Listener
    keep_all: bool
    should_stop: Callable[[], bool]


class Worker:
    """Runs trials of one study until its budget is spent."""

    def __init__(self, parts: WorkerParts) -> None:
        """Take over the parts."""
        self._parts = parts
        self._owner = this_process()
        self._tried: set[str] = set()  # fingerprints of the candidates that a trial was finished for, in whatever way

    @property
    def study_name(self) -> str:
        """Name of the study."""
        return self._parts.study.name

    def run(self) -> bool:
        """Finish what an earlier worker left, then run new trials.

        Returns:
            Whether the work is done: the budget is spent, or every candidate of the space was tried.

        Raises:
            SetupError: another process runs trials of the study.
            SpecError: the constraints leave nothing to try.
            StopRequestedError: a training was asked to stop; the trial is done again at the next start.
        """
        with study_lock(self._parts.database_url, self._parts.study.id, name=self._parts.study.name):
            return self._run_all()

    def _run_all(self) -> bool:
        self._settle_finished()
        for number in self._parts.optuna_study.unfinished():
            if self._is_over():
                break
            self._run(self._parts.optuna_study.resume(number))
        refusals = 0
        while not self._is_over():
            if self._is_exhausted():
                self._parts.listener.space_exhausted(self._standing())
                return True
            if refusals < _REFUSALS_BEFORE_RANDOM:
                proposal = self._parts.optuna_study.ask()
            elif refusals < _MAX_REFUSALS:
                proposal = self._parts.optuna_study.ask_at_random(self._is_new)
            else:
                raise self._nothing_to_try(f"{refusals} proposals in a row were refused")
            record = self._run(proposal)
            refusals = refusals + 1 if record.state is TrialState.REFUSED else 0
        return self._is_spent()

    def _is_spent(self) -> bool:
        return self._standing().trained >= self._parts.spec.budget.trials

    def _is_over(self) -> bool:
        return self._is_spent() or self._parts.should_stop()

    def _settle_finished(self) -> None:
        """Settle the trials whose results an earlier worker recorded, but nothing after that."""
        for record in self._parts.repository.trials(self._parts.study.id):
            if record.state is TrialState.RUNNING:
                continue
            self._tried.add(record.candidate.fingerprint)
            if not record.is_told:
                self._settle(record)

    def _is_new(self, params: Mapping[str, ParamValue]) -> bool:
        return self._parts.space.decode(params).fingerprint not in self._tried

    def _is_exhausted(self) -> bool:
        """Return whether every candidate of the space was tried.

        Raises:
            SpecError: it was, and each one breaks a constraint on size.
        """
        size = math.prod(len(parameter.choices) for parameter in self._parts.space.parameters)
        if len(self._tried) < size:
            return False
        records = self._parts.repository.trials(self._parts.study.id)
        if all(max(self._arithmetic_violations(record.candidate), default=0.0) > 0 for record in records):
            raise self._nothing_to_try(f"each of the {size} candidates of the space breaks a constraint on size")
        return True

    def _nothing_to_try(self, what: str) -> SpecError:
        constraints = ", ".join(f"'{text}'" for text in self._parts.spec.constraints) or "none are set"
        return SpecError(
            f"{what}; widen the choices under [layers] and [topology], or the constraints ({constraints})."
        )

    def _run(self, proposal: Proposal) -> TrialRecord:
        """Bring one trial to its end: recorded, told, artifacts in order."""
        parts = self._parts
        candidate = parts.space.decode(proposal.params)
        record = parts.repository.begin_trial(
            parts.study.id,
            number=proposal.number,
            candidate=candidate,
            seed=trial_seed(parts.spec.seed, proposal.number),
            owner=self._owner,
        )
        if record.state is TrialState.RUNNING:
            outcome = self._refusal(record)
            if outcome is None:
                parts.listener.trial_started(record, self._standing())
                outcome = self._train(record)
            record = parts.repository.finish_trial(parts.study.id, number=record.number, outcome=outcome)
        self._settle(record)
        self._tried.add(record.candidate.fingerprint)
        parts.listener.trial_finished(record, self._standing())
        return record

    def _settle(self, record: TrialRecord) -> None:
        """Do what follows from a recorded result; the mark comes last, so a kill in between has it all done again."""
        self._tell(record)
        if not self._parts.keep_all:
            self._remove_models(self._pushed_off_front(record.number) | {record.number})
        self._parts.repository.mark_told(self._parts.study.id, number=record.number)

    def _refusal(self, record: TrialRecord) -> TrialOutcome | None:
        """Return the outcome of a candidate that need not be trained, or None."""
        twin = self._parts.repository.find_candidate(self._parts.study.id, record.candidate.fingerprint)
        if twin is not None:
            reason = f"the same candidate as trial {twin.number}"
            return TrialOutcome(state=TrialState.REFUSED, reason=reason, timings={}, details={})
        violations = self._arithmetic_violations(record.candidate)
        if record.number in BASELINE_NUMBERS or not any(violation > 0 for violation in violations):
            return None
        broken = ", ".join(
            str(constraint)
            for constraint, violation in zip(self._parts.spec.constraint_values(), violations, strict=True)
            if violation > 0
        )
        metrics = self._parts.evaluator.cost(record.candidate).metrics()
        reason = f"breaks {broken} by arithmetic: {', '.join(f'{name} = {value}' for name, value in metrics.items())}"
        return TrialOutcome(
            state=TrialState.REFUSED, reason=reason, timings={}, details={"violations": list(violations)}
        )

    def _arithmetic_violations(self, candidate: Candidate) -> tuple[float, ...]:
        """Return the violation of every constraint that arithmetic decides, 0 for the others."""
        metrics = self._parts.evaluator.cost(candidate).metrics()
        return tuple(
            constraint.violation(metrics[constraint.name]) if constraint.name in ARITHMETIC_METRICS else 0.0
            for constraint in self._parts.spec.constraint_values()
        )

    def _train(self, record: TrialRecord) -> TrialOutcome:
        watch = Watch(
            on_parent=self._parts.listener.parent_started,
            on_progress=self._parts.listener.fit_progressed,
            should_stop=self._parts.should_stop,
        )
        try:
            evaluation = self._parts.evaluator.evaluate(record.candidate, seed=record.seed, watch=watch)
            self._keep_model(record.number, evaluation)
        except TrialError as error:
            details = dict(self._parts.provenance)
            return TrialOutcome(state=TrialState.FAILED, reason=error.reason, timings={}, details=details)
        return TrialOutcome(
            state=TrialState.COMPLETE,
            measurement=evaluation.measurement,
            timings=evaluation.timings,
            details={**evaluation.details, **self._parts.provenance},
        )

    def _keep_model(self, number: int, evaluation: Evaluation) -> None:
        digests = {name: self._parts.artifacts.put(content) for name, content in evaluation.model.to_files().items()}
        self._parts.repository.save_artifacts(self._parts.study.id, number=number, digests=digests)

    def _tell(self, record: TrialRecord) -> None:
        optuna_study = self._parts.optuna_study
        match record.state:
            case TrialState.COMPLETE if record.measurement is not None:
                values = [record.measurement.metric(item.name) for item in self._parts.spec.objectives]
                is_withheld = float(record.measurement.withheld_reason is not None)
                optuna_study.tell_complete(record.number, values, violations=[*record.violations, is_withheld])
            case TrialState.REFUSED:
                violations = record.details.get("violations", [])
                optuna_study.tell_refused(record.number, reason=record.reason or "", violations=violations)
            case _:
                optuna_study.tell_failed(record.number, reason=record.reason or "")

    def _pushed_off_front(self, number: int) -> set[int]:
        """Return the front that a trial changed, as it was before; nothing where it changed none."""
        parts = self._parts
        for revision in parts.repository.revisions(parts.study.id):
            if revision.trial_number == number:
                before = parts.repository.front(parts.study.id, revision=revision.revision - 1)
                return {member.number for member in before}
        return set()

    def _remove_models(self, numbers: set[int]) -> None:
        """Remove the models of trials that are neither on the front nor baselines."""
        parts = self._parts
        kept = {member.number for member in parts.repository.front(parts.study.id)} | set(BASELINE_NUMBERS)
        for number in numbers - kept:
            digests = set(parts.repository.artifacts(parts.study.id, number).values())
            parts.repository.drop_artifacts(parts.study.id, number=number)
            for digest in digests - parts.repository.referenced_digests():
                parts.artifacts.remove(digest)

    def _standing(self) -> Standing:
        parts = self._parts
        counts = parts.repository.count_trials(parts.study.id)
        latest = parts.repository.latest_revision(parts.study.id)
        return Standing(
            trained=counts[TrialState.COMPLETE] + counts[TrialState.FAILED],
            budget=parts.spec.budget.trials,
            refused=counts[TrialState.REFUSED],
            front_size=latest.size,
            hypervolume=latest.hypervolume,
        )


def trial_seed(study_seed: int, number: int) -> int:
    """Return a trial's seed, which follows from the study's seed and the trial's number."""
    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0] % 2**31)
