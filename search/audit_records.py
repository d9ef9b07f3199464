"""Stored audits: finding one, and comparing two of the same images."""

from spaces.audit import Comparison, compare, norms_of, radii, surviving
from spaces.errors import SelectionError
from storage.audits import AuditRecord, AuditRepository
from storage.records import StudyRecord

# What two audits must share for their examples, radii and attacks to be the same.
_COMMON_SETTINGS = ("plan_version", "plan", "data_fingerprint", "images", "quick", "seed", "epsilons")


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
    """Compare two audits of the same images, norm by norm and radius by radius.

    Raises:
        SelectionError: they differ in images, radii or effort, or one is not finished.
    """
    differing = [key for key in _COMMON_SETTINGS if first.settings.get(key) != second.settings.get(key)]
    if differing:
        raise SelectionError(
            f"audits compare only on the same {', '.join(_COMMON_SETTINGS)}; those of trials {first.number} and "
            f"{second.number} differ in {', '.join(differing)}. Audit both with the same options."
        )
    for record in (first, second):
        if not record.is_complete:
            raise SelectionError(f"the audit of trial {record.number} is not finished; run it again to go on with it.")
    comparisons: list[Comparison] = []
    for norm in norms_of(first.attacks):
        left, right = (surviving(record.is_right, record.attacks, norm) for record in (first, second))
        comparisons += compare(left, right, norm=norm, epsilons=radii(first.attacks, norm))
    return tuple(comparisons)
