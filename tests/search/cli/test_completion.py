"""What the shell completes."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from search.bootstrap import create_memory
from search.cli import completion
from search.cli.app import app
from search.samplers import SAMPLERS
from tests.dashboards.builders import make_study


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SEARCH_STORAGE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def context(**params: str) -> typer.Context:
    made = typer.Context(typer.main.get_command(app))
    made.params = dict(params)
    return made


def test_presets_and_study_files_complete_a_launch(folder):
    (folder / "mine.toml").write_text("")
    assert {"cifar", "digits", "mine.toml"} <= set(completion.complete_preset(""))
    assert completion.complete_preset("mi") == ["mine.toml"]


def test_stored_studies_complete(folder):
    study = make_study()
    create_memory("other.db").repository.create_study(
        name="night", spec=study.spec, spec_fingerprint="f", data=study.data, versions={}
    )
    assert completion.complete_study(context(storage="other.db"), "ni") == ["night"]


def test_missing_database_completes_with_presets_alone(folder):
    assert completion.complete_study(context(), "dig") == ["digits"]
    assert list(folder.iterdir()) == []


def test_samplers_are_those_of_the_service():
    assert set(completion.complete_sampler("")) == set(SAMPLERS)


def completed(folder, words: str) -> list[str]:
    """Return what bash is offered behind the last word."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['cosearch']; from search.cli.app import main; main()"],
        env={**os.environ, "_COSEARCH_COMPLETE": "complete_bash", "COMP_WORDS": words,
             "COMP_CWORD": str(len(words.split()) - 1)},
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_shell_completes_commands_and_studies_of_the_script(folder):
    assert completed(folder, "cosearch stu") == ["studies"]
    assert completed(folder, "cosearch status --study cifar-ro") == ["cifar-robust"]


def test_completion_is_installed_for_the_script(folder):
    # From a shell, as a user would: which one it is, is looked up among the ancestors, of which a test may have none.
    # A shell that has nothing left to do becomes its last command, hence the exit.
    command = f"{shlex.quote(sys.executable)} -m search --show-completion; exit $?"
    shown = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("_cosearch_completion cosearch")
    assert "_COSEARCH_COMPLETE=complete_bash" in shown
    assert scripts() == {"cosearch": "search.cli.app:main"}


def scripts() -> dict[str, str]:
    return tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["scripts"]
