"""Who trains which trial: claims within an exact budget, leases that expire, and epochs that fence off late workers.

A worker claims a trial and renews its lease while it trains. When the lease has expired, by the database's clock,
another worker may take the trial over; the lease's epoch then grows, and whatever still comes with an older epoch is
refused. Every call may be repeated after an outage in which its answer was lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, Engine, Select, func, select, update
from sqlalchemy.orm import Session

from spaces.candidate import Candidate
from spaces.errors import FencedError, StudyMismatchError
from storage.artifacts import check_digest
from storage.conversion import plain_json, trial_record
from storage.database_clock import DatabaseSeconds, database_seconds, moment
from storage.records import TrialOutcome, TrialRecord, TrialState
from storage.results import store_outcome
from storage.schema import ArtifactRow, TrialRow
from storage.study_rows import lock_study, study_row, trial_row
from storage.transactions import Transactions

_BUDGETED = [state.value for state in TrialState if state.is_budgeted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to a trial's result; small, so that a worker can keep it in a file beside a result.

    Attributes:
        epoch: 1 for the first worker of the trial, one more at every takeover.
    """

    study_id: int
    number: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A trial that a worker got, with its candidate and seed, and the lease on it."""

    lease: Lease
    trial: TrialRecord


class NoClaim(StrEnum):
    """Why a worker did not get a new trial.

    BUDGET_SPENT: every place is taken; one comes free if a running trial is refused. TAKEN: another worker was handed
    the same number by Optuna and was first, so ask Optuna again.
    """

    BUDGET_SPENT = "budget spent"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is left of a trial budget.

    Attributes:
        free: trials that may still be claimed.
        running: trials that some worker has, or had when it died.
    """

    free: int
    running: int

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: no place is free and none can come free."""
        return self.free == 0 and self.running == 0


class ClaimRepository:
    """Hands out trials and takes their results; every moment it stores is the database's."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)

    def claim_new(
        self, study_id: int, *, number: int, candidate: Candidate, seed: int, owner: str, ttl_s: float, budget: int
    ) -> Claim | NoClaim:
        """Store a trial as RUNNING with a lease, unless the number is taken or the budget has no place.

        The budget is counted under the study's lock, so any number of workers together never exceed it. The owner's
        own running trial of that number is handed out again as it is.

        Args:
            study_id: of the study.
            number: Optuna's number of the trial.
            candidate: what is to be trained.
            seed: of the trial.
            owner: the worker's name, unique among the live workers of the study.
            ttl_s: seconds until the lease expires unless it is renewed.
            budget: how many trials the study may have, refused ones not counted.

        Raises:
            SelectionError: there is no such study.
            StudyMismatchError: the number is stored, finished, with another candidate.
        """
        with self._transactions.writing() as session:
            lock_study(session, study_id)
            row = session.get(TrialRow, (study_id, number))
            now = database_seconds(session)
            if row is not None:
                if not _is_own(row, owner, candidate):
                    return NoClaim.TAKEN
            elif _count(session, study_id, _BUDGETED) >= budget:
                return NoClaim.BUDGET_SPENT
            else:
                row = TrialRow(study_id=study_id, number=number, state=TrialState.RUNNING.value, is_told=False)
                row.candidate, row.candidate_fingerprint = plain_json(candidate.to_json()), candidate.fingerprint
                row.seed, row.owner, row.lease_epoch, row.started_at = seed, owner, 1, moment(now)
                row.violations, row.timings, row.details = [], {}, {}
                session.add(row)
            row.lease_expires_at = now + ttl_s
            session.flush()
            return _claim(row)

    def claim_abandoned(self, study_id: int, *, owner: str, ttl_s: float) -> Claim | None:
        """Take over a running trial: the owner's own, or else the oldest whose lease has expired; None without one.

        A worker that was restarted under its old name so gets its own trial back at once. Only a worker that is
        training nothing may ask.

        Raises:
            SelectionError: there is no such study.
        """
        with self._transactions.writing() as session:
            lock_study(session, study_id)
            row = session.scalars(_abandoned(study_id, owner)).one_or_none()
            if row is None:
                return None
            now = database_seconds(session)
            row.owner, row.lease_epoch, row.started_at = owner, row.lease_epoch + 1, moment(now)
            row.lease_expires_at = now + ttl_s
            session.flush()
            return _claim(row)

    def renew(self, lease: Lease, *, ttl_s: float) -> bool:
        """Let a lease run `ttl_s` seconds from now; False where another worker has the trial or it is finished.

        A lease that expired is renewed too while nobody took the trial over. Only the trial's own row is locked.
        """
        return self._set_expiry(lease, DatabaseSeconds() + ttl_s)

    def release(self, lease: Lease) -> None:
        """Give a trial back at once, so that nobody waits for the lease to expire; one that was lost stays lost."""
        self._set_expiry(lease, DatabaseSeconds())

    def finish(self, lease: Lease, outcome: TrialOutcome, *, artifacts: Mapping[str, str] | None = None) -> TrialRecord:
        """Store a trial's result, its files and what it does to the front, all or nothing.

        A trial has exactly one result: handed in again with the same lease, it is returned as it is stored. Only
        feasible COMPLETE trials enter the front.

        Args:
            lease: on the trial.
            outcome: its result.
            artifacts: the trial's files, name -> digest; the store has them already.

        Raises:
            ArtifactError: a digest is no SHA-256.
            FencedError: another worker took the trial over; nothing is stored.
            SelectionError: there is no such trial.
        """
        for digest in (artifacts or {}).values():
            check_digest(digest)
        with self._transactions.writing() as session:
            study = lock_study(session, lease.study_id)
            row = held_row(session, lease)
            if row.state == TrialState.RUNNING.value:
                store_outcome(session, study, row, outcome, at=moment(database_seconds(session)))
                for name, digest in (artifacts or {}).items():
                    session.merge(ArtifactRow(study_id=lease.study_id, number=lease.number, name=name, digest=digest))
            return trial_record(row)

    def places(self, study_id: int, *, budget: int) -> Places:
        """Return what is left of the budget, so that a worker knows whether to claim, to wait or to end.

        Raises:
            SelectionError: there is no such study.
        """
        with self._transactions.reading() as session:
            study_row(session, study_id)
            free = max(0, budget - _count(session, study_id, _BUDGETED))
            return Places(free=free, running=_count(session, study_id, [TrialState.RUNNING.value]))

    def _set_expiry(self, lease: Lease, expires_at: Any) -> bool:
        statement = (
            update(TrialRow)
            .where(
                TrialRow.study_id == lease.study_id,
                TrialRow.number == lease.number,
                TrialRow.lease_epoch == lease.epoch,
                TrialRow.state == TrialState.RUNNING.value,
            )
            .values(lease_expires_at=expires_at)
        )
        with self._transactions.writing() as session:
            return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def held_row(session: Session, lease: Lease) -> TrialRow:
    """Return the row of a trial, running or finished, whose lease is the newest; the study's row must be locked.

    Raises:
        FencedError: the trial has a newer epoch.
        SelectionError: there is no such trial.
    """
    row = trial_row(session, lease.study_id, lease.number)
    if row.lease_epoch != lease.epoch:
        raise FencedError(
            f"trial {lease.number} was taken over by {row.owner!r} (epoch {row.lease_epoch}, yours is {lease.epoch}) "
            "because its lease had expired; what the earlier worker still sends is dropped."
        )
    return row


def _is_own(row: TrialRow, owner: str, candidate: Candidate) -> bool:
    """Return whether a stored trial is the owner's running one, with the same candidate.

    Raises:
        StudyMismatchError: it is finished with another candidate.
    """
    is_same, is_running = row.candidate_fingerprint == candidate.fingerprint, row.state == TrialState.RUNNING.value
    if not is_same and not is_running:
        raise StudyMismatchError(
            f"trial {row.number} is stored with another candidate than Optuna's trial {row.number} now has: Optuna's "
            "study was deleted or replaced. Start a study with a new name, or restore the database."
        )
    return is_same and is_running and row.owner == owner


def _abandoned(study_id: int, owner: str) -> Select[TrialRow]:
    has_expired = TrialRow.lease_expires_at.is_(None) | (TrialRow.lease_expires_at <= DatabaseSeconds())
    return (
        select(TrialRow)
        .where(TrialRow.study_id == study_id, TrialRow.state == TrialState.RUNNING.value)
        .where((TrialRow.owner == owner) | has_expired)
        .order_by(TrialRow.owner != owner, TrialRow.number)
        .limit(1)
        # Against a renewal, which does not take the study's lock.
        .with_for_update(key_share=True)
    )


def _count(session: Session, study_id: int, states: list[str]) -> int:
    query = select(func.count()).where(TrialRow.study_id == study_id, TrialRow.state.in_(states))
    return session.scalars(query).one()


def _claim(row: TrialRow) -> Claim:
    lease = Lease(study_id=row.study_id, number=row.number, epoch=row.lease_epoch)
    return Claim(lease=lease, trial=trial_record(row))
