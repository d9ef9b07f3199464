"""The API held against its own OpenAPI document: requests that fit it, requests that do not, without sockets."""

from collections import Counter
from http import HTTPStatus

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode

from dashboards.api.operations import OPERATIONS
from tests.dashboards.api.conftest import PREFIX

pytestmark = pytest.mark.slow

EXAMPLES = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
TRIALS = 5  # of the stored study


@pytest.fixture(scope="module")
def described(api):
    schema = schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", api.app)
    schema.validate()
    return schema


def statuses(described, operation, mode, change=lambda case: None):
    """Send generated requests, check every answer against the document, and count the answers by status."""
    counts = Counter()

    @EXAMPLES
    @given(case=described[operation.path]["GET"].as_strategy(generation_mode=mode))
    def send(case):
        change(case)
        counts[HTTPStatus(case.call_and_validate().status_code)] += 1

    send()
    return counts


def of_stored_study(case):
    if "study" in case.path_parameters:
        case.path_parameters["study"] = "tiny"
    if "number" in case.path_parameters:
        case.path_parameters["number"] %= TRIALS


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_answers_about_a_stored_study_are_as_described(described, operation):
    counts = statuses(described, operation, GenerationMode.POSITIVE, of_stored_study)
    assert set(counts) <= {HTTPStatus.OK, HTTPStatus.NOT_FOUND}
    assert counts[HTTPStatus.OK] > 0


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_answers_about_whatever_fits_are_as_described(described, operation):
    assert set(statuses(described, operation, GenerationMode.POSITIVE)) <= {HTTPStatus.OK, HTTPStatus.NOT_FOUND}


@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS if {item.name for item in operation.parameters} - {"study"}],
    ids=lambda operation: operation.name,
)
def test_what_does_not_fit_is_refused(described, operation):
    assert set(statuses(described, operation, GenerationMode.NEGATIVE)) <= {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
    }
