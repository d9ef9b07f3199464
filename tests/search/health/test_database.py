import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.health import database
from search.health.database import database_findings, disk_finding, schema_finding, study_findings
from search.health.finding import Finding, Status
from storage.database_state import DatabaseContent
from storage.migrations import upgrade
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import create_study

OLD = Path(__file__).parents[2] / "storage" / "fixtures" / "schema_0001.db"


def by_what(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def test_file_that_is_not_there_is_a_note_and_not_made(tmp_path):
    found = by_what(database_findings(str(tmp_path / "studies.db")))
    assert (found["database"].status, "does not exist yet" in found["database"].text) == (Status.NOTE, True)
    assert found["disk"].status is not Status.NOTE
    assert not any(tmp_path.iterdir())


def test_sound_database_is_well(tmp_path):
    path = str(tmp_path / "studies.db")
    engine = open_engine(path)
    upgrade(engine)
    create_study(Repository(engine))
    engine.dispose()
    found = by_what(database_findings(path))
    assert "write-ahead log" in found["database"].text
    assert {found[what].status for what in ("database", "schema", "study tiny")} == {Status.OK}


def test_old_schema_is_a_warning_and_stays(tmp_path):
    path = tmp_path / "studies.db"
    shutil.copy(OLD, path)
    for _ in range(2):
        schema = by_what(database_findings(str(path)))["schema"]
        assert schema.status is Status.WARNING
        assert schema.text.startswith("0001, this version has ")
        assert schema.advice.startswith("python -m search db upgrade")


def test_file_without_write_ahead_log_is_a_warning(tmp_path):
    path = tmp_path / "studies.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    assert by_what(database_findings(str(path)))["database"].status is Status.WARNING
    assert by_what(database_findings(str(path)))["database"].status is Status.OK


@pytest.mark.parametrize(
    ("storage", "said"),
    [("nowhere/studies.db", "folder nowhere does not exist"), ("postgresql://u:secret@h:port/x", "is no database URL")],
)
def test_database_that_cannot_be_opened_is_one_problem_with_a_way_out(storage, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (finding,) = database_findings(storage)
    assert (finding.status, said in finding.text) == (Status.PROBLEM, True)
    assert finding.advice
    assert "secret" not in finding.text + finding.advice


def test_network_file_system_is_a_problem(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/data {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr("storage.file_systems.check_local.__kwdefaults__", {"mounts": mounts})
    path = tmp_path / "studies.db"
    path.touch()
    (finding,) = database_findings(str(path))
    assert (finding.status, "network file system 'nfs4'" in finding.text) == (Status.PROBLEM, True)
    assert "PostgreSQL" in finding.advice


def test_schema_of_a_newer_version_is_a_problem():
    content = DatabaseContent(revision="0099", known_revisions=("0001", "0002"), studies=None)
    assert schema_finding(content).status is Status.PROBLEM
    assert schema_finding(replace(content, revision=None)).status is Status.NOTE


def test_study_of_another_optuna_is_told_with_both_versions():
    study = SimpleNamespace(name="s", versions={"optuna": "5.0.0"})
    (finding,) = study_findings([study], installed_optuna="5.0.1")
    assert finding.status is Status.WARNING
    assert ("5.0.0" in finding.text, "5.0.1" in finding.text) == (True, True)
    assert "pip install optuna==5.0.0" in finding.advice
    assert study_findings([study], installed_optuna="5.0.0")[0].status is Status.OK


@pytest.mark.parametrize(
    ("free", "status"),
    [(50e6, Status.PROBLEM), (1e9, Status.WARNING), (3e9, Status.OK)],
    ids=["full", "scarce", "room"],
)
def test_room_on_the_disk(free, status, tmp_path, monkeypatch):
    monkeypatch.setattr(database.shutil, "disk_usage", lambda _: SimpleNamespace(free=int(free)))
    assert disk_finding(tmp_path).status is status


def test_folder_that_cannot_be_written_to_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(database.os, "access", lambda *_: False)
    assert disk_finding(tmp_path).status is Status.PROBLEM
