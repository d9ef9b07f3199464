"""What the shell completes."""

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
