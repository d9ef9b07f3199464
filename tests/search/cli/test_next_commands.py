"""The commands that a launch ends with: what a shell makes of them, and what they must not show."""

import io
import shlex
import sys
from pathlib import Path

import pytest
from rich.console import Console

from search.cli.next_commands import next_commands, print_next


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Let the process run in `tmp_path/my env`, whose interpreter PATH does not lead to."""
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text("")
    (folder / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return folder


def words(storage: str = "studies.db", *, has_front: bool = True) -> list[list[str]]:
    return [shlex.split(command) for command in next_commands("tiny", storage, has_front=has_front)]


def test_names_are_enough_where_path_leads_to_the_environment(environment, monkeypatch):
    monkeypatch.setenv("PATH", str(environment))
    assert next_commands("tiny", "studies.db", has_front=True) == [
        "python -m search front --study tiny",
        "python -m search report --study tiny --out report.html",
        "python -m search export --study tiny --select knee --format keras --out exported",
        "python -m search dashboard",
    ]


def test_environment_below_the_working_directory_is_named_from_there(environment):
    assert {line[0] for line in words()} == {"my env/bin/python"}


def test_environment_elsewhere_is_named_in_full(environment, monkeypatch):
    elsewhere = environment.parent.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert {line[0] for line in words()} == {str(environment / "python")}


def test_another_python_on_path_is_not_taken_for_the_running_one(environment, monkeypatch, tmp_path):
    # As in a virtual environment, whose python is a link to the one on PATH.
    base = tmp_path / "base"
    base.mkdir()
    (base / "python").write_text("")
    (base / "python").chmod(0o755)
    (environment / "python").unlink()
    (environment / "python").symlink_to(base / "python")
    monkeypatch.setenv("PATH", str(base))
    assert words()[0][0] == "my env/bin/python"


def test_without_a_front_there_is_nothing_to_export(environment):
    assert [line[3] for line in words(has_front=False)] == ["front", "report", "dashboard"]


def test_path_with_spaces_reaches_the_command_in_one_piece(environment):
    lines = words("my results/a b.db")
    assert all(line[line.index("--storage") + 1] == "my results/a b.db" for line in lines)
    assert lines[-1][1:] == ["-m", "search", "dashboard", "--storage", "my results/a b.db"]


def shown(storage: str) -> str:
    output = io.StringIO()
    print_next(Console(file=output), "tiny", storage, has_front=True)
    return output.getvalue()


def test_password_is_not_printed_and_the_variable_is_named(environment):
    text = shown("postgresql://me:secret@host/db")
    assert "secret" not in text
    assert text.count("me:***@host/db") == 4
    assert "SEARCH_STORAGE" in text
    assert "SEARCH_STORAGE" not in shown("postgresql://me@host/db")


def test_square_brackets_are_printed(environment):
    assert "'runs/[bold]x.db'" in shown("runs/[bold]x.db")
    assert Path(sys.executable).name in shown("studies.db")
