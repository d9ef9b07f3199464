"""Stored audits: finding one, and comparing two of the same examples."""

from spaces.audit import Comparison
from spaces.errors import SelectionError
from storage.audit_comparison import COMMON_SETTINGS, compare_records, differing_settings
from storage.audits import AuditRecord, AuditRepository
from storage.records import StudyRecord


def latest_audit(audits: AuditRepository, study: StudyRecord, number: int) -> AuditRecord:
    """Return the newest audit of a trial.

    Raises:
        SelectionError: it has none.
    """
    found = audits.audits(study.id, number=number)
    if not found:
        raise SelectionError(
            f"trial {number} of study {study.name!r} has no audit; run `audit --study {study.name} --select "
            f"trial:{number}`."
        )
    return found[-1]


def compare_audits(first: AuditRecord, second: AuditRecord) -> tuple[Comparison, ...]:
    """Compare two audits of the same examples, norm by norm and radius by radius.

    Raises:
        SelectionError: they differ in examples, radii or effort, or one is not finished.
    """
    differing = differing_settings(first, second)
    if differing:
        raise SelectionError(
            f"audits compare only on the same {', '.join(COMMON_SETTINGS)}; those of trials {first.number} and "
            f"{second.number} differ in {', '.join(differing)}. Audit both with the same options."
        )
    for record in (first, second):
        if not record.has_all_attacks:
            raise SelectionError(f"the audit of trial {record.number} is not finished; run it again to go on with it.")
    return compare_records(first, second)
