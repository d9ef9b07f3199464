"""The API held against its own OpenAPI document, with requests that fit it and requests that do not."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from dashboards.api.app import make_api
from storage.migrations import upgrade
from storage.sql import open_engine
from tests.dashboards.api.conftest import PREFIX, resources_of, write_study


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('api')}/studies.db")
    upgrade(engine)
    write_study(engine)
    yield make_api(resources_of(engine), prefix=PREFIX)
    engine.dispose()


@pytest.fixture
def described(app):
    return schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", app)


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case):
    case.call_and_validate()


@schema.include(path_regex="{study}").parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_about_a_stored_study_are_as_described(case):
    case.path_parameters["study"] = "tiny"
    if "number" in case.path_parameters and isinstance(case.path_parameters["number"], int):
        case.path_parameters["number"] %= 5
    case.call_and_validate()
