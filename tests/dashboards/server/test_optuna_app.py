"""The Optuna dashboard as we serve it: with a link to our pages, for reading, over a real database."""

import optuna
import pytest

from dashboards.server.access import Access
from dashboards.server.guard import Guard, content_policy
from dashboards.server.hosts import AllowedHosts
from dashboards.server.optuna_app import make_optuna_app, with_link
from tests.dashboards.server.requests import ask

LINK = 'href="/cosearch/"'


@pytest.fixture
def storage():
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="s", directions=["maximize", "maximize", "minimize"])
    study.tell(study.ask(), [0.5, 0.5, 100.0])
    study.ask()  # runs
    return storage


@pytest.fixture
def app(storage):
    return make_optuna_app(storage)


def guarded(app, *, may_edit=False):
    access = Access(hosts=AllowedHosts.of("127.0.0.1"), may_edit=may_edit)
    return Guard(app, access, our_policy=content_policy([]))


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/", "/dashboard/studies/1"])
def test_every_page_links_to_ours(app, path):
    page = ask(app, path)
    assert page.status_code == 200
    assert page.text.count(LINK) == 1
    assert page.text.index('id="dashboard"') < page.text.index(LINK) < page.text.index("</body>")
    assert int(page.headers["Content-Length"]) == len(page.data)
    assert "Content-Security-Policy" in page.headers


def test_page_is_whole_even_where_a_browser_holds_one_without_the_link(app):
    headers = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT", "If-None-Match": "*", "Range": "bytes=0-9"}
    page = ask(app, "/dashboard", headers=headers)
    assert (page.status_code, LINK in page.text) == (200, True)
    assert "Last-Modified" not in page.headers


def test_head_of_a_page_has_its_length_and_no_body(app):
    page = ask(app, "/dashboard", method="HEAD")
    assert (page.status_code, page.data) == (200, b"")
    assert int(page.headers["Content-Length"]) == len(ask(app, "/dashboard").data)


def test_link_comes_at_the_end_of_a_page_that_ends_without_a_word():
    assert with_link(b"<p>page").startswith(b"<p>page<a ")
    assert with_link(b"<p></body></html>").endswith(b"</a></body></html>")


def test_root_leads_to_the_dashboard_under_whatever_name_it_was_asked(app):
    answer = ask(app, "/", headers={"X-Forwarded-Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/dashboard")


def test_other_answers_are_the_dashboards_own(app):
    assert ask(app, "/api/studies").json["study_summaries"][0]["study_name"] == "s"
    assert ask(app, "/static/bundle.js").status_code == 200
    assert ask(app, "/favicon.ico").status_code == 200
    detail = ask(app, "/api/studies/0").json
    assert [trial["number"] for trial in detail["best_trials"]] == [0]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/api/studies/0", {}),
        ("POST", "/api/studies/0/rename", {"study_name": "other"}),
        ("POST", "/api/trials/1/tell", {"state": "Complete", "values": [1.0, 1.0, 1.0]}),
        ("POST", "/api/artifacts/0/1", {"file": "data:text/plain;base64,YQ==", "filename": "a.txt"}),
        ("POST", "/api/artifacts/0", {"file": "data:text/plain;base64,YQ==", "filename": "a.txt"}),
        ("PUT", "/api/studies/0/note", {"version": 1, "body": "mine now"}),
    ],
)
def test_anonymous_changes_are_refused_and_change_nothing(app, storage, method, path, body):
    assert ask(guarded(app), path, method=method, json=body).status_code == 405
    (study,) = storage.get_all_studies()
    assert study.study_name == "s"
    assert study.system_attrs == {}
    assert [trial.state.name for trial in storage.get_all_trials(0)] == ["COMPLETE", "RUNNING"]


def test_changes_go_through_where_they_were_asked_for(app, storage):
    body = {"state": "Complete", "values": [1.0, 1.0, 1.0]}
    told = ask(guarded(app, may_edit=True), "/api/trials/1/tell", method="POST", json=body)
    assert told.status_code == 204
    assert [trial.state.name for trial in storage.get_all_trials(0)] == ["COMPLETE", "COMPLETE"]
    foreign = {"Origin": "http://evil.example"}
    refused = ask(guarded(app, may_edit=True), "/api/studies/0", method="DELETE", json={}, headers=foreign)
    assert refused.status_code == 403
    assert ask(guarded(app, may_edit=True), "/api/studies/0", method="DELETE", json={}).status_code == 204
    assert storage.get_all_studies() == []


def test_artifacts_are_not_served(app):
    assert ask(app, "/artifacts/0/abc").status_code == 400
