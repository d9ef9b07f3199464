"""Reference models: networks that others published, audited like a study's trials so that every page can show them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from spaces.audit import Flags, radii, worst_case
from spaces.norms import Norm
from storage.audit_columns import audit_fields
from storage.audit_ledger import AuditLedger
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
        self._ledger = AuditLedger(
            self._transactions,
            ReferenceModelRow,
            ReferenceAttackRow,
            owner=ReferenceAttackRow.reference_id,
            noun="reference model",
            clock=clock,
        )
        self.save_attack, self.save_checks = self._ledger.save_attack, self._ledger.save_checks
        self.save_whole_test = self._ledger.save_whole_test

    def open_reference(
        self, study_id: int, model: ReferenceModel, *, key: str, settings: Mapping[str, Any], is_right: Flags
    ) -> ReferenceRecord:
        """Return the audit of a model under that key with the attacks it has, stored now if it is new.

        What another study of the database has under the same key is taken over, because it is the same audit.

        Raises:
            SelectionError: there is no such study.
        """
        reference_id = self._ledger.open(
            {"study_id": study_id, "name": model.name, "key": key},
            settings=settings,
            is_right=is_right,
            check=lambda session: study_row(session, study_id),
            more={"title": model.title, "size_bytes": model.size_bytes, "source": plain_json(model.source)},
        )
        with self._transactions.reading() as session:
            same = _records_of(session, model.name, key)
        opened, furthest = same[reference_id], max(same.values(), key=_progress)
        # With other flags, on a machine that rounds differently, an image may be right here that was not tried there.
        if _progress(furthest) > _progress(opened) and np.array_equal(furthest.is_right, opened.is_right):
            self._take_over(reference_id, furthest)
            return replace(furthest, id=reference_id, study_id=study_id, created_at=opened.created_at)
        return opened

    def _take_over(self, reference_id: int, furthest: ReferenceRecord) -> None:
        for outcome in furthest.attacks:
            self.save_attack(reference_id, outcome)
        if furthest.whole_test is not None:
            self.save_whole_test(reference_id, furthest.whole_test)
        if furthest.checks is not None:
            self.save_checks(reference_id, furthest.checks)

    def references(self, study_id: int) -> list[ReferenceRecord]:
        """Return the audits of a study's reference models that have all their attacks, by name, the newest last."""
        return [record for record in self.begun(study_id) if record.attacks and record.has_all_attacks]

    def begun(self, study_id: int) -> list[ReferenceRecord]:
        """Return all audits of a study's reference models, by name, the newest last."""
        query = select(ReferenceModelRow).where(ReferenceModelRow.study_id == study_id)
        query = query.order_by(ReferenceModelRow.name, ReferenceModelRow.id)
        with self._transactions.reading() as session:
            return [_record(session, row) for row in session.scalars(query).all()]


class ReferenceAudits:
    """The audits of one reference model in a study, as an audit that is under way needs them."""

    def __init__(self, references: ReferenceRepository, study_id: int, *, model: ReferenceModel) -> None:
        """Keep audits of a model in a study."""
        self._references, self._study_id, self._model = references, study_id, model
        self.save_attack, self.save_checks = references.save_attack, references.save_checks
        self.save_whole_test = references.save_whole_test

    def open(self, *, key: str, settings: Mapping[str, Any], is_right: Flags) -> ReferenceRecord:
        """Return the model's audit of that key, as `ReferenceRepository.open_reference`."""
        return self._references.open_reference(
            self._study_id, self._model, key=key, settings=settings, is_right=is_right
        )

    def begun(self) -> list[ReferenceRecord]:
        """Return all audits of the model in the study, oldest first."""
        return [record for record in self._references.begun(self._study_id) if record.name == self._model.name]


def _records_of(session: Session, name: str, key: str) -> dict[int, ReferenceRecord]:
    """Return id -> audit of a model under a key, of every study that has begun it."""
    query = select(ReferenceModelRow).where(ReferenceModelRow.name == name, ReferenceModelRow.key == key)
    return {row.id: _record(session, row) for row in session.scalars(query.order_by(ReferenceModelRow.id))}


def _progress(record: ReferenceRecord) -> tuple[int, bool]:
    return len(record.attacks), record.checks is not None


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
