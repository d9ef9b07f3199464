"""The checks that fired, as a table of trials down and checks across."""

from dataclasses import dataclass

from dashboards.fired_checks import Suite, all_checks
from dashboards.snapshot import StudySnapshot
from spaces.check_result import CheckResult


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTableRow:
    """One trial on which a check fired, in the search or in its audits.

    Attributes:
        fired: the check that fired, or None, in each column.  # [n_checks]
    """

    number: int
    suite: Suite
    is_baseline: bool
    fired: tuple[CheckResult | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTableInfo:
    """The table of checks that fired.

    Attributes:
        checks: names of the columns: every check that fired somewhere, preconditions first.
        preconditions: those of them whose failure withholds the score.
        rows: by ascending number, the search before the audit.
        n_checked: trials whose measurement carries checks.
        note: why there are no rows; None when there are.
    """

    checks: tuple[str, ...]
    preconditions: tuple[str, ...]
    rows: tuple[CheckTableRow, ...]
    n_checked: int
    note: str | None


def check_table_info(snapshot: StudySnapshot) -> CheckTableInfo:
    """Collect the checks that fired on any trial."""
    checked = all_checks(snapshot)
    fired = {key: {check.name: check for check in checks if not check.passed} for key, checks in checked.items()}
    fired = {key: found for key, found in fired.items() if found}
    is_precondition = {name: check.is_precondition for found in fired.values() for name, check in found.items()}
    # Python's sort is stable: within both kinds the order of the checks stays.
    names = tuple(sorted(is_precondition, key=lambda name: not is_precondition[name]))
    n_checked = sum(suite is Suite.SEARCH for _, suite in checked)
    return CheckTableInfo(
        checks=names,
        preconditions=tuple(name for name in names if is_precondition[name]),
        rows=tuple(
            CheckTableRow(
                number=number,
                suite=suite,
                is_baseline=number in snapshot.baselines,
                fired=tuple(found.get(name) for name in names),
            )
            for (number, suite), found in fired.items()
        ),
        n_checked=n_checked,
        note=None if fired else _empty_note(snapshot, n_checked),
    )


def _empty_note(snapshot: StudySnapshot, n_checked: int) -> str:
    if not snapshot.measurements:
        return "no trial is complete yet"
    if not n_checked:
        return "no measurement carries checks"
    return f"no check fired on any of {n_checked} checked trials"
