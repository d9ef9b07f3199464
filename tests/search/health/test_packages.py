import platform
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from search.health.finding import Finding, Status
from search.health.packages import package_findings, python_finding, requirement_finding


def test_this_environment_is_well():
    findings = {finding.what: finding for finding in package_findings()}
    assert findings["python"].text.startswith(platform.python_version())
    assert findings["optuna"].text.startswith(version("optuna"))
    assert {finding.status for finding in findings.values()} == {Status.OK}
    # What only an extra needs is no part of it.
    assert "ruff" not in findings


def test_package_that_is_too_new_is_a_problem_with_a_way_out():
    installed = version("numpy")
    assert requirement_finding(Requirement("numpy<1.5,>=1.4")) == Finding(
        what="numpy",
        status=Status.PROBLEM,
        text=f"{installed}, but needed is <1.5,>=1.4",
        advice="pip install 'numpy<1.5,>=1.4'",
    )


def test_package_that_is_missing_is_a_problem():
    finding = requirement_finding(Requirement("no-such-package>=2"))
    assert (finding.status, finding.text) == (Status.PROBLEM, "not installed, needed is >=2")
    assert finding.advice == "pip install 'no-such-package>=2'"


@pytest.mark.parametrize(("running", "status"), [("3.10.14", Status.PROBLEM), ("3.12.1", Status.OK)])
def test_python_is_held_against_its_bounds(running, status):
    assert python_finding(running, SpecifierSet(">=3.11,<3.14")).status is status


def test_folder_that_was_never_installed_is_a_warning():
    (finding,) = package_findings("no-such-distribution")
    assert (finding.status, "pip install -e ." in finding.advice) == (Status.WARNING, True)
