"""`db`: each command on a stored study without training."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from storage.artifacts import ArtifactStore
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.repository import Repository
from storage.schema_version import known_revisions
from storage.sql import open_engine, write_engine
from tests.builders import build_outcome, claim_trial, create_study
from tests.search.cli.running import Ran, make_runner

FIXTURES = Path(__file__).parents[2] / "storage" / "fixtures"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ran]:
    monkeypatch.chdir(tmp_path)
    return make_runner(monkeypatch, capsys)


class Stored:
    """Two studies in `studies.db`, each with a finished trial and its file."""

    def __init__(self, folder: Path) -> None:
        self.engine: Engine = open_engine(str(folder / "studies.db"))
        upgrade(self.engine)
        self.artifacts = ArtifactStore(folder / "studies.artifacts")
        claims = ClaimRepository(self.engine)
        self.digests = []
        for name in ("first", "second"):
            study = create_study(Repository(self.engine), name=name)
            self.digests.append(self.artifacts.put(name.encode()))
            lease = claim_trial(claims, study.id, 0).lease
            outcome = build_outcome(0.5, 0.5, size_bytes=500)
            claims.finish(lease, outcome, artifacts={"model.h5": self.digests[-1]})

    def tamper(self, statement: str) -> None:
        with write_engine(self.engine).begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def stored(tmp_path: Path):
    made = Stored(tmp_path)
    yield made
    made.engine.dispose()


@pytest.mark.parametrize("command", ["upgrade", "check", "repair"])
def test_database_that_is_not_there_is_not_made(run, command, tmp_path):
    ran = run("db", command)
    assert (ran.code, ran.output) == (4, "")
    assert ran.errors == (
        "error: there is no database sqlite:///studies.db; `launch` makes one, or give another --storage.\n"
    )
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("command", [("check",), ("repair",), ("backup", "copy.db")])
@pytest.mark.parametrize("tables", ["", "CREATE TABLE notes (text)"])
def test_database_without_our_tables_is_not_good_and_stays_as_it_is(run, command, tables, tmp_path):
    with closing(sqlite3.connect("studies.db")) as other:
        other.executescript(tables)
    Path("studies.db").touch()
    before = Path("studies.db").read_bytes()
    ran = run("db", *command)
    assert (ran.code, ran.output) == (4, "")
    assert "database sqlite:///studies.db is empty or not one of this package" in ran.errors
    assert Path("studies.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["studies.db"]


def test_upgrade_says_from_where_to_where(run, tmp_path):
    shutil.copy(FIXTURES / "schema_0001.db", tmp_path / "studies.db")
    newest = known_revisions()[-1]
    assert run("db", "upgrade").output == f"upgraded the schema from 0001 to {newest}\n"
    assert run("db", "upgrade").output == f"the schema is up to date: {newest}\n"


def test_sound_database_is_good(run, stored):
    ran = run("db", "check")
    assert (ran.code, ran.output, ran.errors) == (0, "study first: good\nstudy second: good\n", "")


def test_check_names_what_differs_and_ends_with_1(run, stored):
    stored.tamper("UPDATE cosearch_revisions SET hypervolume = 7 WHERE study_id = 1 AND revision = 1")
    path = stored.artifacts.path(stored.digests[1])
    path.write_bytes(b"")
    ran = run("db", "check")
    assert ran.code == 1
    assert "study first:" in ran.output
    assert "`db repair` writes it anew" in ran.output
    assert f"artifact {stored.digests[1]}" in ran.output
    assert "is damaged" in ran.output


def test_check_of_one_study_leaves_the_others_out(run, stored):
    stored.tamper("UPDATE cosearch_revisions SET hypervolume = 7 WHERE study_id = 1 AND revision = 1")
    assert run("db", "check", "--study", "second").output == "study second: good\n"
    assert run("db", "check", "--study", "first").code == 1
    ran = run("db", "check", "--study", "third")
    assert (ran.code, "no study 'third'" in ran.errors) == (2, True)


def test_study_that_cannot_be_read_does_not_hide_the_others(run, stored):
    stored.tamper("UPDATE cosearch_studies SET spec = '{}' WHERE id = 1")
    ran = run("db", "check")
    assert ran.code == 1
    assert "study first:\n  cannot be checked: " in ran.output
    assert "study second: good" in ran.output


def test_check_for_machines(run, stored):
    stored.tamper("UPDATE cosearch_trials SET finished_at = NULL WHERE study_id = 2")
    stored.artifacts.put(b"stray")
    ran = run("db", "check", "--json")
    assert ran.code == 1
    values = json.loads(ran.output)
    assert (values["is_good"], values["damage"], values["n_unreferenced"]) == (False, [], 1)
    first, second = values["studies"]
    assert first == {"name": "first", "unreadable": None, "front": [], "trials": [], "artifacts": []}
    assert second["trials"] == ["trial 0 is finished without a time"]


def test_repair_writes_the_front_anew_and_says_so(run, stored):
    stored.tamper("UPDATE cosearch_revisions SET hypervolume = 7 WHERE study_id = 1 AND revision = 1")
    ran = run("db", "repair")
    assert ran.code == 0
    assert ran.output.startswith("study first: wrote the front anew from the results; what differed:\n  ")
    assert "study second: the front is that of the results\n" in ran.output
    assert run("db", "check").code == 0


def test_repair_removes_only_old_files_that_nothing_refers_to(run, stored):
    young, old = stored.artifacts.put(b"young"), stored.artifacts.put(b"old")
    two_hours_ago = time.time() - 7200
    for digest in (old, *stored.digests):
        os.utime(stored.artifacts.path(digest), (two_hours_ago, two_hours_ago))
    assert run("db", "repair").output.endswith("removed 0 unreferenced files that were at least 24 hours old\n")
    ran = run("db", "repair", "--min-age", "1")
    assert ran.output.endswith("removed 1 unreferenced files that were at least 1 hours old\n")
    assert stored.artifacts.digests() == {young, *stored.digests}


def test_repair_of_one_database_leaves_the_files_of_its_neighbours(run, stored, tmp_path):
    for other in ("studies.sqlite", "studies"):
        assert run("db", "backup", other).code == 0
        assert run("db", "repair", "--storage", other, "--min-age", "0").code == 0
    stored.tamper("DELETE FROM cosearch_artifacts")
    assert "removed 2 unreferenced" in run("db", "repair", "--min-age", "0").output
    for other in ("studies.sqlite", "studies"):
        assert run("db", "check", "--storage", other).code == 0


def test_repair_leaves_a_study_alone_that_it_cannot_read(run, stored):
    stored.tamper("UPDATE cosearch_studies SET spec = '{}' WHERE id = 1")
    ran = run("db", "repair")
    assert ran.code == 1
    assert "study first: left alone, its specification cannot be read: " in ran.output


def test_backup_stands_alone(run, stored, tmp_path):
    ran = run("db", "backup", "copy.db")
    assert (ran.code, ran.output) == (0, "wrote copy.db and 2 files in copy.artifacts\n")
    assert run("db", "check", "--storage", "copy.db").output == "study first: good\nstudy second: good\n"
    again = run("db", "backup", "copy.db")
    assert (again.code, "copy.db exists already" in again.errors) == (2, True)


def test_results_that_are_not_whole_are_told_and_their_front_is_left_alone(run, stored):
    stored.tamper("UPDATE cosearch_trials SET measurement = NULL, finished_at = NULL WHERE study_id = 1")
    stored.tamper("DELETE FROM cosearch_revisions WHERE study_id = 1 AND revision = 1")
    checked = run("db", "check")
    assert (checked.code, checked.errors) == (1, "")
    assert "trial 0 is complete without a measurement\n" in checked.output
    assert "`db repair` writes it anew" not in checked.output
    repaired = run("db", "repair")
    assert (repaired.code, repaired.errors) == (1, "")
    assert "study first: left alone, complete trials without a measurement or a time: 0; " in repaired.output
    assert "study second: the front is that of the results\n" in repaired.output


def test_every_command_answers_machines(run, stored, tmp_path):
    newest = known_revisions()[-1]
    stored.tamper("UPDATE cosearch_revisions SET hypervolume = 7 WHERE study_id = 1 AND revision = 1")
    assert json.loads(run("db", "upgrade", "--json").output) == {"before": newest, "after": newest}
    repaired = json.loads(run("db", "repair", "--json").output)
    assert (repaired["fronts"]["second"], repaired["unreadable"], repaired["n_removed"]) == ([], {}, 0)
    assert len(repaired["fronts"]["first"]) == 1
    copied = run("db", "backup", "copy.db", "--json")
    assert json.loads(copied.output) == {"database": "copy.db", "artifacts": "copy.artifacts", "n_artifacts": 2}
    assert copied.errors == ""


def test_repair_that_leaves_a_study_alone_tells_machines_so(run, stored):
    stored.tamper("UPDATE cosearch_studies SET spec = '{}' WHERE id = 1")
    ran = run("db", "repair", "--json")
    assert (ran.code, list(json.loads(ran.output)["unreadable"])) == (1, ["first"])


def test_file_that_is_no_database_is_one_line(run, tmp_path):
    (tmp_path / "studies.db").write_text("a letter " * 100)
    for command in ("upgrade", "check", "repair"):
        ran = run("db", command)
        assert (ran.code, ran.errors.count("\n")) == (4, 1)
        assert "the file is no SQLite database" in ran.errors


def test_help_lists_the_commands_and_the_database(run):
    shown = run("db", "--help").output
    assert all(command in shown for command in ("upgrade", "check", "backup", "repair"))
    for command in ("upgrade", "check", "backup", "repair"):
        assert "[default: studies.db]" in run("db", command, "--help").output
