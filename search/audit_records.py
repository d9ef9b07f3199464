"""Stored audits: finding one, and comparing two of the same examples."""

from dashboards.labels import audit_options, stored_options
from spaces.audit import Comparison
from spaces.errors import SelectionError
from storage.audit_comparison import COMMON_SETTINGS, compare_records, differing_settings
from storage.audits import AuditRecord, AuditRepository
from storage.records import StudyRecord


def stored_audit(
    audits: AuditRepository, study: StudyRecord, number: int, *, images: int | None, quick: bool
) -> AuditRecord:
    """Return the newest audit of a trial, finished or not.

    Args:
        audits: where it is stored.
        study: of the trial.
        number: of the trial.
        images: of the audit; None for any number.
        quick: whether it is a quick one; False without `images` takes either.

    Raises:
        SelectionError: it has none, or none with these options.
    """
    found = _audits_of(audits, study, number)
    chosen = [record for record in found if images in (None, record.n_examples)]
    if quick or images is not None:
        chosen = [record for record in chosen if record.is_quick == quick]
    if not chosen:
        wanted = "--quick" if images is None else audit_options(images, is_quick=quick)
        raise SelectionError(
            f"trial {number} of study {study.name!r} has no audit with {wanted} (it has: {stored_options(found)}); "
            "name one of these, or leave --show out to run it."
        )
    return chosen[-1]


def compare_audits(
    audits: AuditRepository, study: StudyRecord, first: AuditRecord, number: int
) -> tuple[Comparison, ...]:
    """Compare an audit with another trial's newest finished one of the same examples, norm by norm, radius by radius.

    Raises:
        SelectionError: the first is not finished, or the other trial has no finished one of the same settings.
    """
    if not first.has_all_attacks:
        raise SelectionError(f"the audit of trial {first.number} is not finished; run it again to go on with it.")
    found = _audits_of(audits, study, number)
    alike = [record for record in found if not differing_settings(first, record)]
    finished = [record for record in alike if record.has_all_attacks]
    if finished:
        return compare_records(first, finished[-1])
    command = _command(study, number, audit_options(first.n_examples, is_quick=first.is_quick))
    if alike:
        raise SelectionError(f"the audit of trial {number} is not finished; {command} goes on with it.")
    differing = ", ".join(differing_settings(first, found[-1]))
    raise SelectionError(
        f"audits compare only on the same {', '.join(COMMON_SETTINGS)}; trial {number} has none like that of trial "
        f"{first.number} (it has: {stored_options(found)}; the newest differs in {differing}). Run {command}, and if "
        f"they still differ audit trial {first.number} anew: this version's attacks are other ones."
    )


def _audits_of(audits: AuditRepository, study: StudyRecord, number: int) -> list[AuditRecord]:
    found = audits.audits(study.id, number=number)
    if not found:
        raise SelectionError(f"trial {number} of study {study.name!r} has no audit; run {_command(study, number)}.")
    return found


def _command(study: StudyRecord, number: int, options: str = "") -> str:
    return f"`audit --study {study.name} --select trial:{number}{f' {options}' if options else ''}`"
