"""The site builds strictly, its reference is complete, and the README's links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from docs.reference import UndescribedError, commands_page, keys_page
from search.cli.app import app
from spaces.study_spec import StudySpec

ROOT = Path(__file__).parents[2]


def test_every_command_is_in_the_reference():
    page = commands_page(app)
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    names += [f"db {name}" for name in ("upgrade", "check", "repair", "backup")]
    assert [name for name in names if f"## {name}\n" not in page] == []


def test_every_key_is_in_the_reference():
    page = keys_page(StudySpec)
    assert [name for name in StudySpec.model_fields if f"| `{name}` |" not in page] == []
    assert "## layers.rules\n" in page
    assert "| `shift_pixels` |" in page


def test_key_without_a_description_is_refused():
    class Bare(BaseModel):
        """A section.

        Attributes:
            told: what it is.
        """

        told: int = 1
        untold: int = 2

    with pytest.raises(UndescribedError, match="key untold"):
        keys_page(Bare)


def test_option_without_a_description_is_refused():
    bare = typer.Typer()

    @bare.command()
    def first(untold: int = 1) -> None:
        """Do something."""

    @bare.command()
    def second() -> None:
        """Do something else."""

    with pytest.raises(UndescribedError, match="first: untold"):
        commands_page(bare)


def test_links_of_the_readme_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (ROOT / link).exists()] == []


@pytest.mark.slow
def test_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "site" / "reference" / "spec-keys.html").read_text()
    assert "early_stopping" in page
    assert "fonts.googleapis.com" not in page
    images = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs" / "images").rglob("*.*")}
    assert images
    assert [str(image) for image in sorted(images) if not (tmp_path / "site" / image).exists()] == []
