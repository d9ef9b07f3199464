"""Reference models: networks that others published, audited like a study's trials so that every page can show them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from spaces.audit import AttackOutcome, CleanCount, Flags, radii, worst_case
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from spaces.norms import Norm
from storage.audit_columns import add_whole_test, attack_columns, audit_columns, audit_fields
from storage.audit_schema import ReferenceAttackRow, ReferenceModelRow
from storage.audit_state import AuditState
from storage.conversion import plain_json
from storage.repository import utc_now
from storage.study_rows import study_row
from storage.transactions import Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceModel:
    """What a reference model is, before anything is known of its robustness.

    Attributes:
        name: by which a person asks for it, e.g. "mlcommons-resnet8".
        title: how pages call it.
        size_bytes: of the file that a device would get.
        source: where it comes from and what was done to it, as small JSON values.
    """

    name: str
    title: str
    size_bytes: int
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceRecord(AuditState):
    """A reference model with its audit in one study, as stored.

    Attributes:
        name, title, size_bytes, source: those of `ReferenceModel`.
    """

    name: str
    title: str
    size_bytes: int
    source: Mapping[str, Any]

    @property
    def n_examples(self) -> int:
        """How many test examples its accuracies refer to."""
        return len(self.is_right)

    @property
    def clean_accuracy(self) -> float:
        """The fraction of the examples that it classifies right."""
        return float(self.is_right.mean())

    @property
    def epsilons(self) -> tuple[float, ...]:
        """The L-inf radii of its audit, ascending."""
        return radii(self.attacks, Norm.LINF)

    @property
    def worst_case(self) -> tuple[float, ...]:
        """Accuracy under the worst of all L-inf attacks, at each of `epsilons`."""
        return worst_case(self.is_right, self.attacks, Norm.LINF).accuracy

    @property
    def robust_accuracy(self) -> float:
        """Mean of `worst_case`."""
        return sum(self.worst_case) / len(self.worst_case)


class ReferenceRepository:
    """Keeps reference models; every method raises `StorageError` where the database fails."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        """Use an engine of `storage.sql.open_engine` whose database `storage.migrations.upgrade` has seen."""
        self._transactions = Transactions(engine)
        self._clock = clock

    def open_reference(
        self,
        study_id: int,
        model: ReferenceModel,
        *,
        key: str,
        settings: Mapping[str, Any],
        is_right: Flags,
        whole_test: CleanCount,
    ) -> ReferenceRecord:
        """Return the audit of a model under that key with the attacks it has, stored now if it is new.

        Raises:
            SelectionError: there is no such study.
        """
        query = select(ReferenceModelRow).where(
            ReferenceModelRow.study_id == study_id, ReferenceModelRow.name == model.name, ReferenceModelRow.key == key
        )
        try:
            with self._transactions.writing() as session:
                study_row(session, study_id)
                row = session.scalars(query).one_or_none()
                if row is None:
                    columns = audit_columns(
                        key=key, settings=settings, is_right=is_right, whole_test=whole_test, created_at=self._clock()
                    )
                    row = ReferenceModelRow(
                        study_id=study_id,
                        name=model.name,
                        title=model.title,
                        size_bytes=model.size_bytes,
                        source=plain_json(model.source),
                        **columns,
                    )
                    session.add(row)
                    session.flush()
                add_whole_test(row, whole_test)
                return _record(session, row)
        except IntegrityError:  # another process stored it in between
            with self._transactions.reading() as session:
                return _record(session, session.scalars(query).one())

    def save_attack(self, reference_id: int, outcome: AttackOutcome) -> None:
        """Store a finished attack; one that is stored already stays."""
        with self._transactions.writing() as session:
            _locked(session, reference_id)
            if session.get(ReferenceAttackRow, (reference_id, outcome.name, outcome.norm.value)) is not None:
                return
            stored = select(func.count()).where(ReferenceAttackRow.reference_id == reference_id)
            columns = attack_columns(outcome, position=session.scalars(stored).one())
            session.add(ReferenceAttackRow(reference_id=reference_id, **columns))

    def save_checks(self, reference_id: int, checks: Sequence[CheckResult]) -> None:
        """Store the checks of an audit; those that are stored already stay."""
        with self._transactions.writing() as session:
            row = _locked(session, reference_id)
            if row.checks is None:
                row.checks = plain_json([check.to_json() for check in checks])

    def references(self, study_id: int) -> list[ReferenceRecord]:
        """Return the newest audit with all its attacks of every reference model of a study, ordered by name."""
        query = select(ReferenceModelRow).where(ReferenceModelRow.study_id == study_id).order_by(ReferenceModelRow.id)
        with self._transactions.reading() as session:
            records = [_record(session, row) for row in session.scalars(query).all()]
        newest = {record.name: record for record in records if record.attacks and record.has_all_attacks}
        return [newest[name] for name in sorted(newest)]


class ReferenceAudits:
    """The audits of one reference model in a study, as an audit that is under way needs them."""

    def __init__(self, references: ReferenceRepository, study_id: int, *, model: ReferenceModel) -> None:
        """Keep audits of a model in a study."""
        self._references, self._study_id, self._model = references, study_id, model
        self.save_attack, self.save_checks = references.save_attack, references.save_checks

    def open(
        self, *, key: str, settings: Mapping[str, Any], is_right: Flags, whole_test: CleanCount
    ) -> ReferenceRecord:
        """Return the model's audit of that key, as `ReferenceRepository.open_reference`."""
        return self._references.open_reference(
            self._study_id, self._model, key=key, settings=settings, is_right=is_right, whole_test=whole_test
        )


def _locked(session: Session, reference_id: int) -> ReferenceModelRow:
    row = session.get(ReferenceModelRow, reference_id, with_for_update=True)
    if row is None:
        raise SelectionError(f"no reference model has the id {reference_id}.")
    return row


def _record(session: Session, row: ReferenceModelRow) -> ReferenceRecord:
    query = select(ReferenceAttackRow).where(ReferenceAttackRow.reference_id == row.id)
    attacks = session.scalars(query.order_by(ReferenceAttackRow.position)).all()
    return ReferenceRecord(
        id=row.id,
        study_id=row.study_id,
        name=row.name,
        title=row.title,
        size_bytes=row.size_bytes,
        source=row.source,
        **audit_fields(row, attacks),
    )
