"""The trial loop of one worker: take over what was abandoned, or claim a new trial; run it; settle it; until the end.

Any number of workers run one study. Killed anywhere, the others or the next start go on: a recorded result that Optuna
has not heard of is told, a trial without a result is trained again under its own number, with its own seed.
"""

import logging
from enum import Enum

import numpy as np

from search.listener import Standing
from search.trials import recovery
from search.trials.discards import finish_discards
from search.trials.parts import WorkerParts
from search.trials.proposer import Proposer
from search.trials.runner import TrialRunner
from search.trials.settling import settle
from spaces.errors import StorageError
from storage.claims import Claim, NoClaim
from storage.records import StudyRecord, TrialRecord
from storage.workers import WorkerState

_POLL_S = 2.0
# Longer than any worker waits between two attempts: when a database comes back, the others' leases have run out, and
# each has this long to renew its own before somebody takes the trial from under it.
_GRACE_S = 20.0

_log = logging.getLogger(__name__)


class _End(Enum):
    """Why a worker claims no more."""

    DONE = "done"
    STOPPED = "stopped"


class Worker:
    """Runs trials of one study until its budget is spent."""

    def __init__(self, parts: WorkerParts) -> None:
        """Take over the parts."""
        self._parts = parts
        self._proposer = Proposer(parts)
        self._runner = TrialRunner(parts)
        self._is_waiting = False

    @property
    def study(self) -> StudyRecord:
        """The study, as it was when the worker was made."""
        return self._parts.study

    def standing(self) -> Standing:
        """Return where the study stands now.

        Raises:
            StopRequestedError: somebody asked to stop while the database was away.
        """
        return self._parts.standing()

    def run(self) -> bool:
        """Make good what dead workers left, then run trials.

        Returns:
            Whether the work is done: every trial of the budget is finished, or every candidate of the space was tried.

        Raises:
            StudyMismatchError: the stored specification is not the one that the study began with.
            SetupError: the study has a living worker of this name, or as many as its database bears.
            SpecError: the constraints leave nothing to try.
            ArtifactError: a file cannot be stored; the trial is done again at the next start.
            StopRequestedError: somebody asked to stop while a trial was trained or the worker waited; the trial is
                done again at the next start.
        """
        parts = self._parts
        recovery.check_specification(parts)
        recovery.deliver_outboxes(parts)
        recovery.bury_the_dead(parts)
        parts.outbox.remove_strays()
        finish_discards(parts)
        parts.patience(lambda: parts.workers.join(parts.study.id, parts.identity, within_s=parts.lease_s))
        try:
            records = recovery.settle_recorded(parts)
            self._proposer.know(records)
            self._proposer.take_up(recovery.unclaimed(parts, records))
            return self._run_trials()
        finally:
            self._leave()

    def _run_trials(self) -> bool:
        while isinstance(claim := self._next_claim(), Claim):
            record = self._runner.run(claim)
            if record is not None:
                self._close(record)
        if claim is _End.DONE:
            self._proposer.close()
        return claim is _End.DONE

    def _next_claim(self) -> Claim | _End:
        parts = self._parts
        while not parts.should_stop():
            claim = self._claim_abandoned()
            if claim is not None:
                return claim
            places = parts.patience(lambda: parts.claims.places(parts.study.id, budget=parts.spec.budget.trials))
            if places.is_over:
                return _End.DONE
            is_exhausted = places.free > 0 and self._proposer.is_exhausted()
            if is_exhausted and not places.running:
                parts.listener.space_exhausted(parts.standing())
                return _End.DONE
            if is_exhausted or not places.free:
                self._wait(places.running)
                continue
            claim = self._claim_new()
            if claim is not None:
                return claim
        return _End.STOPPED

    def _claim_abandoned(self) -> Claim | None:
        parts = self._parts
        if parts.patience.had_outage(within_s=_GRACE_S):
            return None
        name = parts.identity.name
        return parts.patience(lambda: parts.claims.claim_abandoned(parts.study.id, owner=name, ttl_s=parts.lease_s))

    def _claim_new(self) -> Claim | None:
        """Ask for a proposal and claim it; None where another worker was first, to the number or to the last place."""
        parts, proposal = self._parts, self._proposer.next()
        candidate = parts.space.decode(proposal.params)
        claim = parts.patience(
            lambda: parts.claims.claim_new(
                parts.study.id,
                number=proposal.number,
                candidate=candidate,
                seed=trial_seed(parts.spec.seed, proposal.number),
                owner=parts.identity.name,
                ttl_s=parts.lease_s,
                budget=parts.spec.budget.trials,
            )
        )
        if isinstance(claim, Claim):
            return claim
        if claim is NoClaim.BUDGET_SPENT:
            self._proposer.keep(proposal)
        return None

    def _wait(self, running: int) -> None:
        """Let others work: their trials may be refused or abandoned, which makes a place free."""
        parts = self._parts
        if not self._is_waiting:
            parts.listener.waiting(running)
        self._is_waiting = True
        name = parts.identity.name
        parts.patience(lambda: parts.workers.beat(parts.study.id, name, state=WorkerState.IDLE))
        parts.patience.pause(_POLL_S)

    def _close(self, record: TrialRecord) -> None:
        self._is_waiting = False
        settle(self._parts, record)
        self._proposer.note(record)
        self._parts.listener.trial_finished(record, self._parts.standing())

    def _leave(self) -> None:
        parts = self._parts
        try:
            parts.workers.beat(parts.study.id, parts.identity.name, state=WorkerState.ENDED)
        except StorageError as error:
            _log.warning("the end of worker %s is not stored: %s", parts.identity.name, error)


def trial_seed(study_seed: int, number: int) -> int:
    """Return a trial's seed, which follows from the study's seed and the trial's number."""
    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0] % 2**31)
