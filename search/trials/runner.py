"""One claimed trial, from the claim to its recorded result."""

import logging

from search.evaluation import Evaluation, Watch
from search.heartbeat import Heartbeat
from search.training.fit import StopRequestedError
from search.trials.delivery import deliver, store
from search.trials.heartbeat import trial_heartbeat
from search.trials.outbox import Result
from search.trials.parts import WorkerParts
from search.trials.refusals import refusal
from search.trials.rung_watch import RungWatch, StoppedEarlyError
from spaces.errors import FencedError, StorageError, TrialError
from storage.claims import Claim, Lease
from storage.records import TrialOutcome, TrialRecord, TrialState

_log = logging.getLogger(__name__)


class TrialRunner:
    """Refuses or trains claimed trials."""

    def __init__(self, parts: WorkerParts) -> None:
        """Take over the parts."""
        self._parts = parts

    def run(self, claim: Claim) -> TrialRecord | None:
        """Bring a trial to its recorded end; None where another worker took it over meanwhile.

        Raises:
            StopRequestedError: somebody asked to stop; the trial is given back, or its result lies in the outbox.
            ArtifactError: a file cannot be stored, for which the candidate is not to blame; the trial is given back.
        """
        parts = self._parts
        try:
            refused = refusal(parts, claim.trial)
            if refused is not None:  # worked out again in no time, so it needs no outbox
                return store(parts, Result(lease=claim.lease, outcome=refused, artifacts={}))
            parts.listener.trial_started(claim.trial, parts.standing())
            heartbeat = trial_heartbeat(
                claim.lease,
                lease_s=parts.lease_s,
                worker=parts.identity.name,
                claims=parts.claims,
                workers=parts.workers,
                is_transient=parts.patience.is_transient,
            )
            with heartbeat:
                result = self._train_or_give_back(claim, heartbeat)
                return deliver(parts, result)
        except FencedError as error:
            _log.warning("%s", error)
            return None

    def _train_or_give_back(self, claim: Claim, heartbeat: Heartbeat) -> Result:
        try:
            return self._train(claim, heartbeat)
        except FencedError:
            raise
        except (Exception, KeyboardInterrupt):
            heartbeat.end()
            self._give_back(claim.lease)
            raise

    def _give_back(self, lease: Lease) -> None:
        try:
            self._parts.claims.release(lease)
        except StorageError as error:
            _log.warning("trial %d is not given back: %s It is free in %g s.", lease.number, error, self._parts.lease_s)

    def _train(self, claim: Claim, heartbeat: Heartbeat) -> Result:
        parts, trial = self._parts, claim.trial
        try:
            rungs = RungWatch(parts, claim)
            watch = Watch(
                on_parent=parts.listener.parent_started,
                on_progress=parts.listener.fit_progressed,
                on_measured=parts.listener.trial_measured,
                should_stop=lambda: heartbeat.is_lost or parts.should_stop(),
                at_rung=rungs.arrive,
            )
            evaluation = parts.evaluator.evaluate(trial.candidate, seed=trial.seed, watch=watch, start=rungs.start())
            return self._complete(claim.lease, evaluation)
        except StoppedEarlyError as stopped:
            return Result(lease=claim.lease, outcome=stopped.outcome, artifacts={})
        except TrialError as error:
            details = dict(parts.provenance)
            outcome = TrialOutcome(state=TrialState.FAILED, reason=error.reason, timings={}, details=details)
            return Result(lease=claim.lease, outcome=outcome, artifacts={})
        except StopRequestedError:
            if not heartbeat.is_lost:
                raise
            raise FencedError(
                f"trial {trial.number} was taken over by another worker, because its lease had expired; "
                "its training ends here."
            ) from None

    def _complete(self, lease: Lease, evaluation: Evaluation) -> Result:
        parts = self._parts
        outcome = TrialOutcome(
            state=TrialState.COMPLETE,
            measurement=evaluation.measurement,
            timings=evaluation.timings,
            details={**evaluation.details, **parts.provenance},
        )
        artifacts = {name: parts.artifacts.put(content) for name, content in evaluation.model.to_files().items()}
        return Result(lease=lease, outcome=outcome, artifacts=artifacts)
