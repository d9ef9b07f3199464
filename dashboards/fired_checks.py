"""The checks that fired on a study's trials: signs that their robust accuracy is not to be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dashboards.snapshot import StudySnapshot
from spaces.check_result import CheckResult
from storage.audits import AuditRecord


class Suite(StrEnum):
    """Whose attacks a check looked at: those of the trial itself, or those of its audits."""

    SEARCH = "search"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class FiredCheck:
    """A check that did not pass."""

    suite: Suite
    check: CheckResult


def all_checks(snapshot: StudySnapshot) -> dict[tuple[int, Suite], tuple[CheckResult, ...]]:
    """Return trial and suite -> its checks, by ascending number, for trials and audits whose checks are computed.

    A check that fired in one of a trial's finished audits has fired, whatever a smaller audit says; only a newer audit
    of at least as many examples and as much effort takes the place of an older one.
    """
    found = {(number, Suite.SEARCH): item.checks for number, item in snapshot.measurements.items() if item.checks}
    found |= {(number, Suite.AUDIT): _united(audits) for number, audits in snapshot.checked_audits.items()}
    return {key: found[key] for key in sorted(found, key=lambda key: (key[0], key[1] is Suite.AUDIT))}


def fired_checks(snapshot: StudySnapshot) -> Mapping[int, tuple[FiredCheck, ...]]:
    """Return trial number -> the checks that fired; a trial on which none fired is not in it."""
    fired: dict[int, tuple[FiredCheck, ...]] = {}
    for (number, suite), checks in all_checks(snapshot).items():
        if found := fired_of(suite, checks):
            fired[number] = (*fired.get(number, ()), *found)
    return fired


def fired_of(suite: Suite, checks: Sequence[CheckResult]) -> tuple[FiredCheck, ...]:
    """Return those of a suite's checks that fired."""
    return tuple(FiredCheck(suite=suite, check=check) for check in checks if not check.passed)


def _united(audits: Sequence[AuditRecord]) -> tuple[CheckResult, ...]:
    """Return each check once, of the newest audit in which it fired, or of the newest one where it fired in none."""
    found: dict[str, CheckResult] = {}
    for check in (check for record in audits for check in record.checks or ()):
        if not check.passed or found.get(check.name, check).passed:
            found[check.name] = check
    return tuple(found.values())
