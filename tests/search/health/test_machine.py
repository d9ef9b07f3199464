import pytest

from search.health.finding import Status
from search.health.machine import thread_finding, tool_findings

FREE = float("inf")


def test_without_variables_every_processor_gets_a_thread():
    finding = thread_finding({}, n_cpus=4, quota=FREE)
    assert (finding.status, finding.text) == (Status.OK, "4 processors, 4 threads")


def test_variables_are_shown():
    environment = {"TF_NUM_INTRAOP_THREADS": "2", "OMP_NUM_THREADS": "2"}
    finding = thread_finding(environment, n_cpus=4, quota=FREE)
    assert finding.text == "4 processors, 2 threads (OMP_NUM_THREADS=2, TF_NUM_INTRAOP_THREADS=2)"


def test_container_that_may_use_less_than_it_sees_is_a_warning():
    finding = thread_finding({}, n_cpus=64, quota=4.5)
    assert finding.status is Status.WARNING
    assert finding.advice == "python -m search worker --threads 4, or TF_NUM_INTRAOP_THREADS=4"
    assert thread_finding({"TF_NUM_INTRAOP_THREADS": "4"}, n_cpus=64, quota=4.5).status is Status.OK


@pytest.mark.parametrize("value", ["many", "0", "-1"])
def test_variable_that_is_no_number_is_a_problem(value):
    finding = thread_finding({"OMP_NUM_THREADS": value}, n_cpus=4, quota=FREE)
    assert (finding.status, f"OMP_NUM_THREADS={value}" in finding.text) == (Status.PROBLEM, True)


def test_optional_tools_are_notes_with_a_way_to_get_them():
    findings = {finding.what: finding for finding in tool_findings()}
    assert findings.keys() == {"psycopg", "ART", "ray", "chromium"}
    assert {finding.status for finding in findings.values()} == {Status.NOTE}
    for finding in findings.values():
        assert bool(finding.advice) == finding.text.startswith("not ")
