"""How an audit is stored as it goes on, the same for a trial's model and for a reference model.

Every call is one transaction, and what is stored once stays: an audit that is run again changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from spaces.audit import AttackOutcome, CleanCount, Flags
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from storage.audit_columns import attack_columns, audit_columns
from storage.audit_schema import AuditAttackRow, AuditRow, ReferenceAttackRow, ReferenceModelRow
from storage.conversion import plain_json
from storage.transactions import Transactions

RowT = TypeVar("RowT", AuditRow, ReferenceModelRow)


class AuditLedger(Generic[RowT]):
    """Opens and fills the audits of one kind of model; every method raises `StorageError` where the database fails."""

    def __init__(
        self,
        transactions: Transactions,
        rows: type[RowT],
        attacks: type[AuditAttackRow] | type[ReferenceAttackRow],
        *,
        owner: InstrumentedAttribute[int],
        noun: str,
        clock: Callable[[], datetime],
    ) -> None:
        """Use the tables of one kind of model.

        Args:
            owner: the column of `attacks` that says to which audit an attack belongs.
            noun: what a row is, for messages.
        """
        self._transactions, self._attacks, self._owner = transactions, attacks, owner
        self._noun, self._clock = noun, clock
        self._rows: type[RowT] = rows

    def open(
        self,
        place: Mapping[str, Any],
        *,
        settings: Mapping[str, Any],
        is_right: Flags,
        check: Callable[[Session], object],
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> int:
        """Return the id of the audit at a place, which is stored now if it is new.

        Args:
            place: columns that are an audit's own: whose it is, and its key.
            settings, is_right: those of `storage.audit_state.AuditState`.
            check: raises where there is nothing that an audit could belong to.
            more: further columns of a new one.
        """
        query = select(self._rows).filter_by(**place)
        try:
            with self._transactions.writing() as session:
                check(session)
                row: RowT | None = session.scalars(query).one_or_none()
                if row is None:
                    columns = audit_columns(settings=settings, is_right=is_right, created_at=self._clock())
                    row = self._rows(**place, **more, **columns)
                    session.add(row)
                    session.flush()
                audit_id: int = row.id
        except IntegrityError:  # another process stored it in between
            with self._transactions.reading() as session:
                audit_id = session.scalars(query).one().id
        return audit_id

    def save_attack(self, audit_id: int, outcome: AttackOutcome) -> None:
        """Store a finished attack; one that is stored already stays.

        Raises:
            SelectionError: there is no such audit.
        """
        with self._transactions.writing() as session:
            self._locked(session, audit_id)
            own = {self._owner.key: audit_id}
            if session.get(self._attacks, {**own, "name": outcome.name, "norm": outcome.norm.value}) is not None:
                return
            stored = select(func.count()).where(self._owner == audit_id)
            columns = attack_columns(outcome, position=session.scalars(stored).one())
            session.add(self._attacks(**own, **columns))

    def save_whole_test(self, audit_id: int, count: CleanCount) -> None:
        """Store how many of the whole test split are classified right; what is stored already stays.

        Raises:
            SelectionError: there is no such audit.
        """
        with self._transactions.writing() as session:
            row = self._locked(session, audit_id)
            if row.n_test is None:
                row.n_test, row.n_test_right = count.n_examples, count.n_right

    def save_checks(self, audit_id: int, checks: Sequence[CheckResult]) -> None:
        """Store the checks; those that are stored already stay.

        Raises:
            SelectionError: there is no such audit.
        """
        with self._transactions.writing() as session:
            row = self._locked(session, audit_id)
            if row.checks is None:
                row.checks = plain_json([check.to_json() for check in checks])

    def _locked(self, session: Session, audit_id: int) -> RowT:
        row: RowT | None = session.get(self._rows, audit_id, with_for_update=True)
        if row is None:
            raise SelectionError(f"no {self._noun} has the id {audit_id}.")
        return row
