"""`doctor`: its table, its JSON and its exit code; the looks themselves have their own tests."""

import json
from collections.abc import Callable

import pytest

from search.health import examination
from search.health.finding import Finding, Status
from tests.search.cli.running import Ran, make_runner

FINE = Finding(what="python", status=Status.OK, text="3.12.1 (<3.14,>=3.11)")
ODD = Finding(what="threads", status=Status.WARNING, text="[2] threads", advice="[red]unset[/] it")
BAD = Finding(what="disk", status=Status.PROBLEM, text="full", advice="free some space")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return make_runner(monkeypatch, capsys)


def replace_areas(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(examination, "_packages", lambda: list(findings))
    for area in ("_tensorflow", "_machine"):
        monkeypatch.setattr(examination, area, list)
    for area in ("_data", "_database"):
        monkeypatch.setattr(examination, area, lambda _: [])


def test_warnings_do_not_stop_the_work(run, monkeypatch):
    replace_areas(monkeypatch, FINE, ODD)
    ran = run("doctor")
    assert ran.code == 0
    python, threads, advice = (line.split() for line in ran.output.splitlines()[-4:-1])
    assert python == ["python", "ok", "3.12.1", "(<3.14,>=3.11)"]
    # Square brackets are shown as they are.
    assert threads == ["threads", "warning", "[2]", "threads"]
    assert advice == ["->", "[red]unset[/]", "it"]


def test_problem_ends_with_1_and_its_way_out(run, monkeypatch):
    replace_areas(monkeypatch, FINE, BAD)
    ran = run("doctor")
    assert ran.code == 1
    assert "problem" in ran.output
    assert "free some space" in ran.output


def test_findings_for_machines(run, monkeypatch):
    replace_areas(monkeypatch, FINE, BAD)
    ran = run("doctor", "--json")
    assert ran.code == 1
    values = json.loads(ran.output)
    assert values["is_well"] is False
    assert values["findings"] == [
        {"what": "python", "status": "ok", "text": "3.12.1 (<3.14,>=3.11)", "advice": ""},
        {"what": "disk", "status": "problem", "text": "full", "advice": "free some space"},
    ]


def test_area_that_cannot_be_imported_does_not_hide_the_others(run, monkeypatch):
    def broken() -> list[Finding]:
        raise ModuleNotFoundError("No module named 'sqlalchemy'")

    replace_areas(monkeypatch, FINE)
    monkeypatch.setattr(examination, "_tensorflow", broken)
    ran = run("doctor", "--json")
    findings = json.loads(ran.output)["findings"]
    assert [finding["what"] for finding in findings] == ["python", "tensorflow import"]
    assert findings[1]["text"] == "cannot be looked at: No module named 'sqlalchemy'"


def test_storage_and_data_folder_reach_their_areas(run, monkeypatch, tmp_path):
    replace_areas(monkeypatch)
    asked = []
    for area in ("_data", "_database"):
        monkeypatch.setattr(examination, area, lambda value: asked.append(str(value)) or [])
    run("doctor", "--storage", "x.db", "--data-dir", str(tmp_path))
    assert asked == [str(tmp_path), "x.db"]


@pytest.mark.slow
def test_this_environment_is_well(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = run("doctor", "--json")
    problems = [finding for finding in json.loads(ran.output)["findings"] if finding["status"] == "problem"]
    assert (ran.code, problems) == (0, [])
    assert not any(tmp_path.iterdir())


def test_help_names_the_database_and_the_variable_for_data(run):
    shown = run("doctor", "--help").output
    assert "[default: studies.db]" in shown
    assert "SEARCH_DATA_DIR" in shown
