"""A trial at the rungs: measured, compared with the others, stored; and where a taken over training goes on from."""

import hashlib
import logging
from dataclasses import asdict

from search.early_stopping import Decision, RungPoint, RungRule, decide
from search.evaluation import RungArrival
from search.training.checkpoint import FitState
from search.trials.discards import discarding
from search.trials.parts import WorkerParts
from spaces.errors import ArtifactError
from spaces.objectives import violations
from storage.claims import Claim
from storage.records import TrialOutcome, TrialState
from storage.rungs import RungRecord

_STATE_FILE = "training.state"

_log = logging.getLogger(__name__)


class StoppedEarlyError(Exception):
    """A training was given up at a rung; carries the trial's outcome."""

    def __init__(self, outcome: TrialOutcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class RungWatch:
    """Follows the training of one claimed trial from rung to rung."""

    def __init__(self, parts: WorkerParts, claim: Claim) -> None:
        """Read what is stored of the trial's rungs, where an earlier worker had it."""
        self._parts, self._claim = parts, claim
        self._rule = RungRule.of(parts.spec)
        self._known: dict[int, RungRecord] = {}
        if claim.lease.epoch > 1 and parts.spec.rungs():
            stored = parts.patience(lambda: parts.rungs.rungs(parts.study.id, number=claim.trial.number))
            self._known = {record.rung: record for record in stored}

    def start(self) -> FitState | None:
        """Return the training's state at the newest rung where it is whole; None where it begins anew.

        Raises:
            StoppedEarlyError: an earlier worker stored that the training ends, and came no further.
        """
        for record in sorted(self._known.values(), key=lambda record: -record.rung):
            if not record.goes_on:
                raise StoppedEarlyError(self._outcome(record, curve=[], training_s=0.0))
            if _STATE_FILE not in record.checkpoints:
                continue
            try:
                return FitState.from_bytes(self._parts.artifacts.get(record.checkpoints[_STATE_FILE]))
            except ArtifactError as error:
                _log.warning(
                    "trial %d cannot go on from rung %d: %s It goes on from further back.",
                    record.number,
                    record.rung,
                    error,
                )
        return None

    def arrive(self, arrival: RungArrival) -> None:
        """Decide about a training at a rung, and store measurement, decision and state.

        What was stored at an earlier arrival of the same trial holds: others were compared with it.

        Raises:
            StoppedEarlyError: the training ends here.
            ArtifactError: the state cannot be stored.
            FencedError: another worker has the trial now.
        """
        record = self._known.get(arrival.rung) or self._record(arrival)
        if not record.goes_on:
            curve = [asdict(epoch) for epoch in arrival.state.records]
            raise StoppedEarlyError(self._outcome(record, curve=curve, training_s=arrival.training_s))
        self._keep_state(arrival, record)

    def _record(self, arrival: RungArrival) -> RungRecord:
        parts, decision = self._parts, self._decide(arrival)
        return parts.patience(
            lambda: parts.rungs.record(
                self._claim.lease,
                arrival.rung,
                measurement=arrival.measurement,
                goes_on=decision.goes_on or parts.spec.early_stopping.mode == "watch",
                decision=decision.to_json(),
            )
        )

    def _keep_state(self, arrival: RungArrival, record: RungRecord) -> None:
        """Store the state in place of the one before; a kill in between leaves neither file without a row."""
        parts, content = self._parts, arrival.state.to_bytes()
        checkpoints = {_STATE_FILE: hashlib.sha256(content).hexdigest()}
        with discarding(parts, {*record.checkpoints.values(), *checkpoints.values()}):
            parts.artifacts.put(content)
            parts.patience(lambda: parts.rungs.keep_checkpoints(self._claim.lease, arrival.rung, checkpoints))

    def _decide(self, arrival: RungArrival) -> Decision:
        parts, number = self._parts, self._claim.trial.number
        measured = parts.patience(lambda: parts.rungs.measured_at(parts.study.id, arrival.rung))
        reached = [RungPoint.of(other, item, self._rule) for other, item in measured.items()]
        return decide(RungPoint.of(number, arrival.measurement, self._rule), reached, rule=self._rule)

    def _outcome(self, record: RungRecord, *, curve: list[dict[str, float]], training_s: float) -> TrialOutcome:
        spec, measurement = self._parts.spec, record.measurement
        is_withheld = float(measurement.withheld_reason is not None)
        return TrialOutcome(
            state=TrialState.STOPPED,
            reason=f"stopped after {measurement.epochs} of {spec.training.epochs} epochs: {record.decision['reason']}",
            timings={"training_s": training_s},
            details={
                "curve": curve,
                "rung": record.rung,
                "violations": [*violations(measurement, spec.constraint_values()), is_withheld],
                **self._parts.provenance,
            },
        )
