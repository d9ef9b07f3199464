"""Audits in the database: opened once, filled attack by attack, one transaction each, read back as frozen records."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from spaces.audit import Flags
from storage.audit_columns import audit_fields
from storage.audit_ledger import AuditLedger
from storage.audit_schema import AuditAttackRow, AuditRow
from storage.audit_state import AuditState
from storage.repository import utc_now
from storage.study_rows import trial_row
from storage.transactions import Transactions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditRecord(AuditState):
    """An audit of a trial as stored.

    Attributes:
        number: of the trial.
    """

    number: int


class AuditRepository:
    """Keeps audits; every method raises `StorageError` where the database fails."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)
        self._ledger = AuditLedger(
            self._transactions, AuditRow, AuditAttackRow, owner=AuditAttackRow.audit_id, noun="audit", clock=clock
        )
        self.save_attack, self.save_checks = self._ledger.save_attack, self._ledger.save_checks
        self.save_whole_test = self._ledger.save_whole_test

    def open_audit(
        self, study_id: int, *, number: int, key: str, settings: Mapping[str, Any], is_right: Flags
    ) -> AuditRecord:
        """Return the audit of that key with the attacks it has, stored now if it is new.

        Raises:
            SelectionError: the study has no such trial.
        """
        audit_id = self._ledger.open(
            {"study_id": study_id, "number": number, "key": key},
            settings=settings,
            is_right=is_right,
            check=lambda session: trial_row(session, study_id, number),
        )
        with self._transactions.reading() as session:
            row = session.get_one(AuditRow, audit_id)
            return _record(row, _attacks(session, [row.id]).get(row.id, ()))

    def audits(self, study_id: int, *, number: int | None = None) -> list[AuditRecord]:
        """Return the audits of a study or of one trial, oldest first."""
        query = select(AuditRow).where(AuditRow.study_id == study_id).order_by(AuditRow.id)
        if number is not None:
            query = query.where(AuditRow.number == number)
        with self._transactions.reading() as session:
            rows = session.scalars(query).all()
            attacks = _attacks(session, [row.id for row in rows])
            return [_record(row, attacks.get(row.id, ())) for row in rows]


class TrialAudits:
    """The audits of one trial's model, as an audit that is under way needs them."""

    def __init__(self, audits: AuditRepository, study_id: int, *, number: int) -> None:
        """Keep audits of the trial `number` of a study."""
        self._audits, self._study_id, self._number = audits, study_id, number
        self.save_attack, self.save_checks = audits.save_attack, audits.save_checks
        self.save_whole_test = audits.save_whole_test

    def open(self, *, key: str, settings: Mapping[str, Any], is_right: Flags) -> AuditRecord:
        """Return the trial's audit of that key, as `AuditRepository.open_audit`."""
        return self._audits.open_audit(
            self._study_id, number=self._number, key=key, settings=settings, is_right=is_right
        )

    def begun(self) -> list[AuditRecord]:
        """Return all audits of the trial, oldest first."""
        return self._audits.audits(self._study_id, number=self._number)


def counting_audits(audits: Iterable[AuditRecord]) -> tuple[AuditRecord, ...]:
    """Return the finished audits of one trial, oldest first, but those that a newer one of no less work replaces."""
    counting: tuple[AuditRecord, ...] = ()
    for audit in audits:
        if audit.is_complete:
            counting = (*(item for item in counting if not _replaces(audit, item)), audit)
    return counting


def _replaces(newer: AuditRecord, older: AuditRecord) -> bool:
    """Return whether a newer audit has at least as many examples as an older one, and is quick only if that is."""
    return newer.settings["images"] >= older.settings["images"] and (older.is_quick or not newer.is_quick)


def _attacks(session: Session, audit_ids: Sequence[int]) -> dict[int, list[AuditAttackRow]]:
    """Return audit -> its attacks in their order, in one query for all."""
    query = select(AuditAttackRow).where(AuditAttackRow.audit_id.in_(audit_ids))
    attacks: dict[int, list[AuditAttackRow]] = {}
    for row in session.scalars(query.order_by(AuditAttackRow.audit_id, AuditAttackRow.position)):
        attacks.setdefault(row.audit_id, []).append(row)
    return attacks


def _record(row: AuditRow, attacks: Sequence[AuditAttackRow]) -> AuditRecord:
    return AuditRecord(id=row.id, study_id=row.study_id, number=row.number, **audit_fields(row, attacks))
